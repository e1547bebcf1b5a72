/* After a reload: answers left in conversations that are not shown are come back for too. */
import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { AnswerEvent, ApiClient, ResumePoint } from "../../src/api/types";
import { Chat, PICKED_UP_MAX } from "../../src/chat/chat";
import { holdAnswer } from "../../src/chat/locks";
import type { Services } from "../../src/chat/types";
import { createConversationStore } from "../../src/store/conversations";

/* Locks as a browser gives them: to one at a time. */
function locks(): object {
  const held = new Set<string>();
  const request = async (name: string, _how: object, use: (lock: object | null) => Promise<void>): Promise<void> => {
    if (held.has(name)) return use(null);
    held.add(name);
    await use({});
    held.delete(name);
  };
  return { request };
}

beforeEach(() => {
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("navigator", { locks: locks() });
  vi.stubGlobal("document", { hidden: true });
});
afterEach(() => vi.unstubAllGlobals());

async function reloaded(count: number): Promise<{ chat: Chat; points: ResumePoint[]; tell: (at: number, event: AnswerEvent) => void }> {
  const store = createConversationStore({ indexedDB: undefined, channel: null });
  for (let at = 0; at < count; at += 1) {
    const id = `c${at}`;
    void store.saveConversation({ id, title: id, createdMs: at, updatedMs: at, leaf: `a${at}`, model: "", systemPrompt: "", sampling: {} });
    void store.saveMessage({ id: `q${at}`, conversationId: id, parentId: null, role: "user", text: "?", createdMs: 0 });
    void store.saveMessage({ id: `a${at}`, conversationId: id, parentId: `q${at}`, role: "assistant", text: "Half", createdMs: 1, resume: { streamId: `s${at}`, lastEventId: 3 } });
  }
  const points: ResumePoint[] = [];
  const listeners: ((event: AnswerEvent) => void)[] = [];
  const handle = { stop: () => undefined, now: () => undefined, leave: () => undefined };
  const client = { resume: (point, listener) => (points.push(point), listeners.push(listener), handle) } as Partial<ApiClient>;
  const services = { store, client, site: signal({ keyRequired: true }), session: { signOut: () => undefined, askAgain: () => undefined }, settings: { get: () => ({ model: "" }) } } as unknown as Services;
  const chat = new Chat(services, () => undefined);
  await chat.list();
  return { chat, points, tell: (at, event) => listeners[at]?.(event) };
}

test("each is fetched from its place, runs in the list, and is new when it is over", async () => {
  const { chat, points, tell } = await reloaded(2);
  await chat.showConversation("c1");
  await chat.pickUpAll();
  expect(points).toEqual([{ streamId: "s1", lastEventId: 3 }, { streamId: "s0", lastEventId: 3 }]);
  expect([...chat.running.value].sort()).toEqual(["c0", "c1"]);
  tell(1, { kind: "text", text: " and half", eventId: 4 });
  tell(1, { kind: "state", state: { kind: "done", finish: "stop" } });
  expect([...chat.fresh.value]).toEqual(["c0"]);
  await chat.showConversation("c0");
  expect(chat.open.value.messages.value.at(-1)).toMatchObject({ text: "Half and half", finish: "stop" });
  expect(points.length).toBe(2);
});

test("one that is opened meanwhile is fetched once", async () => {
  const { chat, points } = await reloaded(3);
  await Promise.all([chat.pickUpAll(), chat.showConversation("c2"), chat.showConversation("c0")]);
  expect(points.map((point) => point.streamId).sort()).toEqual(["s0", "s1", "s2"]);
  expect(chat.elsewhere.value.size).toBe(0);
});

test("so many and no more, the newest first", async () => {
  const { chat, points } = await reloaded(PICKED_UP_MAX + 3);
  await chat.pickUpAll();
  expect(points.length).toBe(PICKED_UP_MAX);
  expect(points[0]?.streamId).toBe(`s${PICKED_UP_MAX + 2}`);
});

test("before anybody has signed in nothing is fetched; then the conversation in view is the first", async () => {
  const { chat, points } = await reloaded(3);
  await chat.showConversation("c0");
  expect(points).toEqual([]);
  expect(chat.open.value.messages.value.at(-1)).not.toHaveProperty("finish");
  await chat.pickUpAll();
  expect(points.map((point) => point.streamId)).toEqual(["s0", "s2", "s1"]);
});

test("who signs out leaves the answers, and has them from where they had come when signed in again", async () => {
  const { chat, points, tell } = await reloaded(1);
  await chat.showConversation("c0");
  await chat.pickUpAll();
  tell(0, { kind: "text", text: " more", eventId: 5 });
  void chat.signOut();
  expect(chat.running.value.size).toBe(0);
  tell(0, { kind: "text", text: " unheard", eventId: 6 });
  await chat.showConversation(null);
  await chat.showConversation("c0");
  expect(chat.open.value.messages.value.at(-1)).toMatchObject({ text: "Half more" });
  expect(points.length).toBe(1);
  await chat.pickUpAll();
  expect(points.at(-1)).toEqual({ streamId: "s0", lastEventId: 5 });
});

test("an answer that another tab has is fetched when that tab has gone and not come back", async () => {
  vi.useFakeTimers();
  try {
    const { chat, points } = await reloaded(1);
    const letGo = await holdAnswer("a0");
    await chat.showConversation("c0");
    await chat.pickUpAll();
    expect(points).toEqual([]);
    expect([...chat.elsewhere.value]).toEqual(["a0"]);
    letGo?.();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(points).toEqual([{ streamId: "s0", lastEventId: 3 }]);
    expect(chat.elsewhere.value.size).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("of two that are asked for one after the other the last is shown, whichever is found first", async () => {
  const { chat } = await reloaded(2);
  const { store } = chat.services;
  const open = store.open.bind(store);
  let come: () => void = () => undefined;
  const late = new Promise<void>((resolve) => (come = resolve));
  store.open = async (id) => (id === "c0" ? late.then(() => open(id)) : open(id));
  for (const last of ["c1", null]) {
    const first = chat.showConversation("c0");
    await chat.showConversation(last);
    come();
    await first;
    expect(chat.open.value.listed ? chat.open.value.conversation.value.id : null).toBe(last);
  }
});
