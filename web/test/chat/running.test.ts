/* One answer under way: what is told becomes a message, and what is saved can be come back for. */
import { beforeEach, expect, test } from "vitest";
import type { AnswerEvent, AnswerState, ApiClient, ResumePoint } from "../../src/api/types";
import { figuresOf } from "../../src/chat/figures";
import { nextPart } from "../../src/chat/parts";
import { RunningAnswer } from "../../src/chat/running";
import type { Message } from "../../src/store/types";

let now = 0;
let tell: (event: AnswerEvent) => void = () => undefined;
let saved: Message[] = [];
let frames: (() => void)[] = [];
let timers: { at: number; call: () => void }[] = [];
let calls: string[] = [];

const handle = { stop: () => tell({ kind: "state", state: { kind: "stopped" } }), now: () => void calls.push("now"), leave: () => void calls.push("leave") };
const client: ApiClient = {
  models: () => Promise.resolve([]),
  ask: (_ask, listener) => (calls.push("ask"), (tell = listener), handle),
  resume: (point: ResumePoint, listener) => (calls.push(`resume ${point.lastEventId}`), (tell = listener), handle),
};
const host = {
  client,
  now: () => now,
  frame: (draw: () => void) => void frames.push(draw),
  after: (ms: number, call: () => void) => void timers.push({ at: now + ms, call }),
  save: (message: Message) => void saved.push(message),
  ended: () => void calls.push("ended"),
};
const ASK = { model: "m", messages: [], sampling: {} };
const blank = (more: Partial<Message> = {}): Message => ({ id: "a", conversationId: "c", parentId: "q", role: "assistant", text: "", createdMs: 0, ...more });
const state = (next: AnswerState): void => tell({ kind: "state", state: next });

beforeEach(() => {
  now = 1000;
  saved = [];
  frames = [];
  timers = [];
  calls = [];
});

function pass(ms: number): void {
  now += ms;
  const due = timers.filter(({ at }) => at <= now);
  timers = timers.filter(({ at }) => at > now);
  for (const { call } of due) call();
}

function begun(message = blank()): RunningAnswer {
  const answer = new RunningAnswer(host, message, ASK);
  answer.begin();
  return answer;
}

test("an answer from its first word to its end, with its figures", () => {
  const answer = begun();
  tell({ kind: "head", requestId: "r1", model: "granite", reductions: [{ step: "output", detail: "256" }], streamId: "s" });
  state({ kind: "near" });
  now += 400;
  tell({ kind: "reasoning", text: "Hm", eventId: 1, tagged: false });
  now += 600;
  tell({ kind: "text", text: "Yes", eventId: 2 });
  now += 500;
  tell({ kind: "usage", usage: { promptTokens: 1, completionTokens: 3, reasoningTokens: 1 } });
  state({ kind: "done", finish: "stop" });
  expect(saved.at(-1)).toMatchObject({ text: "Yes", reasoning: "Hm", reasoningMs: 600, firstTokenMs: 400, totalMs: 1500, model: "granite", finish: "stop" });
  expect(saved.at(-1)).not.toHaveProperty("resume");
  expect(answer.over.value).toBe(true);
  expect(calls).toEqual(["ask", "ended"]);
});

test("many tokens, one drawing a frame", () => {
  const answer = begun();
  for (let n = 0; n < 50; n += 1) tell({ kind: "text", text: "word ", eventId: null });
  expect(frames).toHaveLength(1);
  const before = answer.blocks.value;
  frames[0]?.();
  expect(answer.blocks.value).not.toBe(before);
  tell({ kind: "text", text: "more", eventId: null });
  expect(frames).toHaveLength(2);
});

test("text and the place that it reaches are saved together", () => {
  begun();
  tell({ kind: "head", requestId: "r", model: "m", reductions: [], streamId: "s" });
  for (let id = 1; id <= 20; id += 1) {
    pass(300);
    tell({ kind: "text", text: `${id},`, eventId: id });
  }
  for (const message of saved) {
    const ids = message.text.split(",").filter((part) => part !== "");
    expect(message.resume?.lastEventId ?? 0).toBe(ids.length);
  }
  expect(saved.length).toBeGreaterThan(3);
  expect(saved.length).toBeLessThan(10);
  pass(1000);
  expect(saved.at(-1)?.resume?.lastEventId).toBe(20); /* what came last, though nothing comes after it */
});

test("who leaves has saved all, and nothing is saved or heard afterwards", () => {
  const answer = begun();
  tell({ kind: "head", requestId: "r", model: "m", reductions: [], streamId: "s" });
  tell({ kind: "text", text: "one", eventId: 1 });
  answer.leave();
  const count = saved.length;
  tell({ kind: "text", text: "two", eventId: 2 });
  pass(5000);
  expect(saved.length).toBe(count);
  expect(saved.at(-1)).toMatchObject({ text: "one", resume: { lastEventId: 1 } });
});

test("a later page comes back from what was saved", () => {
  const answer = new RunningAnswer(host, blank({ text: "one ", resume: { streamId: "s", lastEventId: 7 } }), null);
  expect(answer.comeBack()).toBe(true);
  tell({ kind: "text", text: "two", eventId: 8 });
  state({ kind: "done", finish: "stop" });
  expect(calls).toEqual(["resume 7", "ended"]);
  expect(saved.at(-1)?.text).toBe("one two");
});

test("without a place to come back to there is no way back", () => {
  const answer = new RunningAnswer(host, blank({ text: "half" }), null);
  expect(answer.comeBack()).toBe(false);
  answer.lose();
  expect(saved.at(-1)?.finish).toBe("broken");
});

test("what broke says why, also later; going on forgets it", () => {
  begun();
  state({ kind: "refused", refusal: { status: 400, code: "context_length_exceeded", message: "m", retryAfterMs: null, requestId: "r" }, againAtMs: null });
  expect(saved.at(-1)).toMatchObject({ finish: "broken", refusal: { status: 400, code: "context_length_exceeded", requestId: "r" } });
  begun();
  state({ kind: "broken", why: "disabled_api_key" });
  expect(saved.at(-1)).toMatchObject({ finish: "broken", refusal: { status: 401, code: "disabled_api_key" } });
  begun(saved.at(-1));
  expect(saved.at(-1)).not.toHaveProperty("refusal");
  state({ kind: "broken", why: "lost" });
  expect(saved.at(-1)).not.toHaveProperty("refusal");
});

test("a refusal with a time goes on; trying now is the same asking, with its place", () => {
  const answer = begun();
  const refusal = { status: 429, code: "come_back_later", message: "", retryAfterMs: 5000, requestId: "r" };
  state({ kind: "refused", refusal, againAtMs: 6000 });
  expect(answer.over.value).toBe(false);
  answer.tryNow();
  answer.tryNow();
  expect(calls).toEqual(["ask", "now"]);
  tell({ kind: "text", text: "real", eventId: null });
  answer.stop();
  expect(saved.at(-1)).toMatchObject({ text: "real", finish: "stopped" });
});

test("a refusal for good ends it, and nothing is heard afterwards", () => {
  const answer = begun();
  const refusal = { status: 401, code: "invalid_api_key", message: "", retryAfterMs: null, requestId: "r" };
  state({ kind: "refused", refusal, againAtMs: null });
  expect(answer.over.value).toBe(true);
  tell({ kind: "text", text: "late", eventId: 1 });
  expect(answer.message.text).toBe("");
  expect(calls).toEqual(["ask", "ended"]);
});

test("a continued answer keeps what it said", () => {
  const answer = begun(nextPart(blank({ text: "half a sen", finish: "cut", totalMs: 1000 }), now));
  expect(answer.message.finish).toBeUndefined();
  tell({ kind: "text", text: "tence", eventId: null });
  now += 500;
  state({ kind: "done", finish: "stop" });
  expect(saved.at(-1)).toMatchObject({ text: "half a sentence", totalMs: 1500, finish: "stop" });
});

const usage = (completionTokens: number, promptTokens = 10): AnswerEvent => ({ kind: "usage", usage: { promptTokens, completionTokens, reasoningTokens: 0 } });

test("the figures of a continued answer are those of all its parts, also over a reload in the last one", () => {
  const cut: Message = blank({ text: "one", finish: "length", firstTokenMs: 200, totalMs: 1200, usage: { promptTokens: 5, completionTokens: 11, reasoningTokens: 0 } });
  now = 50_000;
  begun(nextPart(cut, now));
  tell({ kind: "head", requestId: "r", model: "m", reductions: [], streamId: "s" });
  now += 300;
  tell({ kind: "text", text: " two", eventId: 3 });
  pass(1000);
  const left = saved.at(-1)!;
  const later = new RunningAnswer(host, { ...left }, null);
  later.comeBack();
  tell(usage(10));
  state({ kind: "done", finish: "stop" });
  expect(saved.at(-1)).toMatchObject({ totalMs: 2500, firstTokenMs: 200, waitedMs: 300, usage: { promptTokens: 15, completionTokens: 21 } });
  expect(saved.at(-1)).not.toHaveProperty("earlier");
  expect(figuresOf(saved.at(-1)!).join("|")).toContain("21 tokens|first after 0.2 s|10 tokens/s|2.5 s in all");
});

test("a part that did not say its tokens leaves no half sum", () => {
  const stopped: Message = blank({ text: "one", finish: "stopped", firstTokenMs: 200, totalMs: 1200 });
  begun(nextPart(stopped, now));
  tell({ kind: "text", text: " two", eventId: null });
  tell(usage(10));
  state({ kind: "done", finish: "stop" });
  expect(saved.at(-1)).not.toHaveProperty("usage");
  begun(nextPart(saved.at(-1)!, now));
  tell(usage(4));
  state({ kind: "done", finish: "stop" });
  expect(saved.at(-1)).not.toHaveProperty("usage");
});

test("what took no time to speak of is told in milliseconds, a great rate without its tenths", () => {
  const quick = blank({ firstTokenMs: 12, totalMs: 72, usage: { promptTokens: 1, completionTokens: 11, reasoningTokens: 0 } });
  expect(figuresOf(quick)).toEqual(["11 tokens", "first after 12 ms", "167 tokens/s", "72 ms in all"]);
});
