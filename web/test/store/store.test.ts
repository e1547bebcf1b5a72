import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createConversationStore, WRITE_MS } from "../../src/store/conversations";
import { createSettings } from "../../src/store/settings";
import { createTransfer } from "../../src/store/transfer";
import { newestLeaf, pathTo, treeOf } from "../../src/store/tree";
import { TransferError, type Conversation, type ConversationStore, type Message } from "../../src/store/types";

const conversation = (id: string, change: Partial<Conversation> = {}): Conversation => ({
  id, title: `Title ${id}`, createdMs: 1, updatedMs: 1, leaf: null, model: "m", systemPrompt: "", sampling: {}, ...change,
});
const message = (id: string, of: string, parentId: string | null, text: string, change: Partial<Message> = {}): Message => ({
  id, conversationId: of, parentId, role: "user", text, createdMs: Number(id.replace(/\D/g, "")) || 0, ...change,
});

let factory: IDBFactory;
const fresh = (): ConversationStore => createConversationStore({ indexedDB: factory, channel: null });
beforeEach(() => {
  factory = new IDBFactory();
});

describe("conversations", () => {
  it("keeps what was saved for the next page", async () => {
    const store = fresh();
    void store.saveMessage(message("m1", "a", null, "hello"));
    void store.saveMessage(message("m2", "a", "m1", "answer", { role: "assistant" }));
    void store.saveConversation(conversation("b", { updatedMs: 5 }));
    store.saveDraft("a", "half a thou");
    await store.saveConversation(conversation("a", { updatedMs: 9 }));
    const later = fresh();
    expect((await later.list()).map((c) => c.id)).toEqual(["a", "b"]);
    expect((await later.open("a"))?.messages.map((m) => m.text)).toEqual(["hello", "answer"]);
    expect((await later.draft("a")).text).toBe("half a thou");
    expect(await later.open("c")).toBeNull();
  });

  it("begins to write at once for a page that goes", async () => {
    const store = fresh();
    await store.list();
    const put = vi.spyOn(IDBObjectStore.prototype, "put");
    void store.saveMessage(message("m1", "a", null, "x"));
    store.flush();
    expect(put.mock.calls.length).toBe(1);
    put.mockRestore();
  });

  it("writes messages and conversations in the moment they are saved, and a draft that is typed twice a second", async () => {
    const store = fresh();
    await store.saveConversation(conversation("a"));
    const put = vi.spyOn(IDBObjectStore.prototype, "put");
    const written = () => put.mock.calls.map(([value]) => (typeof value === "string" ? value : (value as Message).id));
    for (const typed of ["w", "wh", "why"]) store.saveDraft("a", typed);
    await Promise.resolve();
    expect(written()).toEqual([]);
    await vi.waitFor(() => expect(written()).toEqual(["why"]), { timeout: 5_000 });
    store.saveDraft("a", "why?");
    void store.saveMessage(message("m1", "a", null, "why?"));
    void store.saveConversation(conversation("a", { leaf: "m1" }));
    await Promise.resolve();
    expect(written()).toEqual(["why", "why?", "m1", "a"]);
    const gone = vi.spyOn(IDBObjectStore.prototype, "delete");
    store.saveDraft("a", ""); /* it was sent */
    await Promise.resolve();
    expect(gone.mock.calls).toEqual([["a"]]);
    gone.mockRestore();
    put.mockRestore();
  });

  it("writes all of one moment or nothing of it", async () => {
    const store = fresh();
    await store.list();
    const put = IDBObjectStore.prototype.put;
    const broken = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value: unknown) {
      if ((value as { id: string }).id === "a") throw new DOMException("full", "QuotaExceededError");
      return put.call(this, value);
    });
    void store.saveMessage(message("m1", "a", null, "x"));
    await store.saveConversation(conversation("a"));
    broken.mockRestore();
    const later = fresh();
    await later.saveConversation(conversation("a"));
    expect((await fresh().open("a"))?.messages).toEqual([]);
  });

  it("reads what is not written yet, and writes only the newest of it", async () => {
    const store = fresh();
    let last: Promise<void> = Promise.resolve();
    const put = vi.spyOn(Object.getPrototypeOf(await opened()) as IDBObjectStore, "put");
    await store.list();
    for (let i = 1; i <= 1000; i++) last = store.saveMessage(message("m1", "a", null, "x".repeat(i)));
    void store.saveConversation(conversation("a"));
    expect((await store.open("a"))?.messages[0]?.text.length).toBe(1000);
    await last;
    expect(put.mock.calls.length).toBe(2);
    put.mockRestore();
  });

  it("removes a conversation with all that belongs to it, and late saves do not bring it back", async () => {
    const store = fresh();
    void store.saveMessage(message("m1", "a", null, "x"));
    await store.saveConversation(conversation("a"));
    void store.saveMessage(message("m2", "a", "m1", "y"));
    await store.remove("a");
    await store.saveMessage(message("m3", "a", null, "late"));
    await store.saveConversation(conversation("b"));
    const later = fresh();
    expect((await later.list()).map((c) => c.id)).toEqual(["b"]);
    void later.saveConversation(conversation("a"));
    expect((await later.open("a"))?.messages).toEqual([]);
  });

  it("brings back what was removed, and what is saved of it then is kept again", async () => {
    const store = fresh();
    void store.saveMessage(message("m1", "a", null, "x"));
    void store.saveMessage(message("m2", "a", "m1", "y"));
    store.saveDraft("a", "next");
    await store.saveDraftFiles("a", [{ name: "one.txt", bytes: 1, text: "x" }]);
    await store.saveConversation(conversation("a"));
    for (const wait of [true, false]) {
      const [whole, draft] = [await store.open("a"), await store.draft("a")];
      const removed = store.remove("a");
      if (wait) await removed;
      if (whole) await store.restore(whole, draft);
      const later = fresh();
      expect(await later.open("a")).toEqual(whole);
      expect(await later.draft("a")).toEqual({ text: "next", files: [{ name: "one.txt", bytes: 1, text: "x" }] });
    }
    await store.saveMessage(message("m3", "a", "m2", "z"));
    expect((await fresh().open("a"))?.messages.map(({ text }) => text)).toEqual(["x", "y", "z"]);
  });

  it("goes on in memory when storage is denied", async () => {
    const denied = { open: () => { throw new DOMException("no", "SecurityError"); } } as unknown as globalThis.IDBFactory;
    for (const indexedDB of [denied, undefined]) {
      const store = createConversationStore({ indexedDB, channel: null });
      const states: string[] = [];
      store.onState((state) => states.push(state));
      void store.saveMessage(message("m1", "a", null, "x"));
      await store.saveConversation(conversation("a"));
      store.saveDraft("a", "d");
      expect(store.state).toBe("denied");
      expect((await store.list()).length).toBe(1);
      expect((await store.open("a"))?.messages.length).toBe(1);
      expect((await store.draft("a")).text).toBe("d");
      await store.remove("a");
      expect(await store.list()).toEqual([]);
    }
  });

  it("says that storage is full, keeps all in memory, and writes it when there is room again", async () => {
    const store = fresh();
    await store.list();
    const put = vi.spyOn(Object.getPrototypeOf(await opened()) as IDBObjectStore, "put").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    const states: string[] = [];
    store.onState((state) => states.push(state));
    void store.saveMessage(message("m1", "a", null, "x"));
    await store.saveConversation(conversation("a"));
    expect(states).toEqual(["full"]);
    expect((await store.open("a"))?.messages.length).toBe(1);
    put.mockRestore();
    await store.saveConversation(conversation("b"));
    expect(states).toEqual(["full", "ready"]);
    expect((await fresh().open("a"))?.messages.length).toBe(1);
  });

  it("never writes what was saved earlier over what was saved later, when the earlier write fails late", async () => {
    const store = fresh();
    await store.saveConversation(conversation("a"));
    const commit = vi.spyOn(IDBTransaction.prototype, "commit").mockImplementationOnce(() => undefined);
    void store.saveMessage(message("m1", "a", null, "half"));
    void store.saveMessage(message("m2", "b", null, "of one that is removed meanwhile"));
    await Promise.resolve();
    const whole = store.saveMessage(message("m1", "a", null, "half and half", { finish: "stop" }));
    const removed = store.remove("b");
    await Promise.resolve();
    const first = commit.mock.contexts[0] as IDBTransaction;
    first.abort(); /* as a browser does that finds no room when it commits */
    Object.defineProperty(first, "error", { value: new DOMException("full", "QuotaExceededError") });
    commit.mockRestore();
    await Promise.all([whole, removed]);
    await store.saveConversation(conversation("a", { title: "later" }));
    expect((await fresh().open("a"))?.messages).toMatchObject([{ text: "half and half", finish: "stop" }]);
    void store.saveConversation(conversation("b"));
    const later = fresh();
    await later.saveConversation(conversation("b"));
    expect((await later.open("b"))?.messages).toEqual([]);
  });

  it("keeps the files of a draft, and gives them up before anything else", async () => {
    const file = (name: string) => ({ name, bytes: 3, text: "abc" });
    const store = fresh();
    store.saveDraft("a", "look");
    expect(await store.saveDraftFiles("a", [file("one.txt")])).toBe(true);
    expect(await fresh().draft("a")).toEqual({ text: "look", files: [file("one.txt")] });

    const put = IDBObjectStore.prototype.put;
    const full = vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      if (Array.isArray(value)) throw new DOMException("full", "QuotaExceededError");
      return key === undefined ? put.call(this, value) : put.call(this, value, key);
    });
    const states: string[] = [];
    store.onState((state) => states.push(state));
    void store.saveConversation(conversation("b"));
    expect(await store.saveDraftFiles("b", [file("two.txt")])).toBe(false);
    expect((await store.draft("b")).files).toEqual([file("two.txt")]);
    await store.saveConversation(conversation("c"));
    full.mockRestore();
    expect(states).toEqual([]);
    expect((await fresh().list()).map(({ id }) => id)).toEqual(["b", "c"]);
    expect((await fresh().draft("b")).files).toEqual([]);

    expect(await store.saveDraftFiles("a", [])).toBe(true);
    expect((await fresh().draft("a")).files).toEqual([]);
  });

  it("removes a draft's files with their conversation", async () => {
    const store = fresh();
    await store.saveConversation(conversation("a"));
    await store.saveDraftFiles("a", [{ name: "one.txt", bytes: 1, text: "x" }]);
    await store.remove("a");
    expect((await fresh().draft("a")).files).toEqual([]);
    const denied = createConversationStore({ indexedDB: undefined, channel: null });
    expect(await denied.saveDraftFiles("a", [{ name: "one.txt", bytes: 1, text: "x" }])).toBe(false);
  });

  it("tells other tabs before it has written, when the page goes", async () => {
    const said: unknown[] = [];
    const channel = { postMessage: (news: unknown) => said.push(news), onmessage: null } as unknown as BroadcastChannel;
    const store = createConversationStore({ indexedDB: factory, channel });
    await store.list();
    await store.saveConversation(conversation("a"));
    const whole = (await store.open("a"))!;
    await store.remove("a");
    said.length = 0;
    void store.restore(whole, { text: "", files: [] });
    await Promise.resolve();
    expect(said).toEqual([]);
    store.flush();
    expect(said).toEqual([{ id: "a", removed: false }]);
  });

  it("tells other tabs", async () => {
    const one = createConversationStore({ indexedDB: factory });
    const other = createConversationStore({ indexedDB: factory });
    const heard: [string, boolean][] = [];
    const next = async (): Promise<unknown> => (await vi.waitFor(() => expect(heard.length).toBeGreaterThan(0)), heard.shift());
    other.onChange((...news) => heard.push(news));
    void one.saveConversation(conversation("a"));
    expect(await next()).toEqual(["a", false]);
    await one.saveMessage(message("m1", "a", null, "x"));
    expect(await next()).toEqual(["a", false]);

    /* What one removes, the other writes nothing of any more, until it is brought back. */
    const [whole, draft] = [await one.open("a"), await one.draft("a")];
    await one.remove("a");
    expect(await next()).toEqual(["a", true]);
    other.saveDraft("a", "typed in the other");
    expect(await other.saveDraftFiles("a", [{ name: "one.txt", bytes: 1, text: "x" }])).toBe(true);
    await other.saveMessage(message("m2", "a", "m1", "late"));
    await other.saveConversation(conversation("a", { title: "late" }));
    await new Promise((resolve) => setTimeout(resolve, WRITE_MS * 2));
    const later = fresh();
    expect(await later.open("a")).toBeNull();
    expect(await later.draft("a")).toEqual({ text: "", files: [] });
    if (whole) await one.restore(whole, draft);
    expect(await next()).toEqual(["a", false]);
    await other.saveMessage(message("m3", "a", "m1", "again"));
    expect((await fresh().open("a"))?.messages.map(({ text }) => text)).toEqual(["x", "again"]);
    expect(await next().catch(() => null)).toBeNull(); /* nobody hears himself */
  });

  it("finds what was thought, and files by their names", async () => {
    const store = fresh();
    void store.saveConversation(conversation("a", { title: "Tides" }));
    void store.saveMessage({ ...message("m1", "a", null, "Look at this"), attachments: [{ name: "harbours.csv", bytes: 3, text: "a,b" }] });
    await store.saveMessage({ ...message("m2", "a", "m1", "It is high."), reasoning: "The moon pulls." });
    expect((await store.search("moon harbours", 10)).map((hit) => hit.excerpt)).toEqual(["harbours.csv"]);
  });

  it("finds words in titles and messages, newest first", async () => {
    const store = fresh();
    void store.saveConversation(conversation("a", { title: "Cooking rice", updatedMs: 1 }));
    void store.saveConversation(conversation("b", { title: "Other", updatedMs: 2 }));
    void store.saveMessage(message("m1", "b", null, "How is RICE made?"));
    void store.saveMessage(message("m2", "b", "m1", "By **cooking** it in water for a while"));
    await store.saveConversation(conversation("c", { title: "Nothing", updatedMs: 3 }));
    const hits = await store.search("rice cooking", 10);
    expect(hits.map((hit) => [hit.conversation.id, hit.excerpt])).toEqual([["b", "How is RICE made?"], ["a", ""]]);
    expect(await store.search("  ", 10)).toEqual([]);
    expect((await store.search("rice", 1)).length).toBe(1);
    const aborted = new AbortController();
    aborted.abort();
    expect(await store.search("rice", 5, aborted.signal)).toEqual([]);
  });

  async function opened(): Promise<IDBObjectStore> {
    const store = fresh();
    await store.list();
    return new Promise((resolve) => {
      const request = factory.open("seawall");
      request.onsuccess = () => {
        resolve(request.result.transaction("drafts").objectStore("drafts"));
        request.result.close();
      };
    });
  }
});

describe("the tree", () => {
  const messages = [message("m1", "a", null, "q"), message("m2", "a", "m1", "1st"), message("m3", "a", "m1", "2nd"), message("m4", "a", "m3", "more"), message("m5", "a", null, "edited")];
  const tree = treeOf(messages);

  it("goes from the root to the leaf and knows the branches", () => {
    const path = pathTo(tree, "m4");
    expect(path.map((branch) => [branch.message.id, branch.index, branch.siblings.length])).toEqual([["m1", 0, 2], ["m3", 1, 2], ["m4", 0, 1]]);
    expect(newestLeaf(tree, "m1")).toBe("m4");
    expect(pathTo(tree, null).map((branch) => branch.message.id)).toEqual(["m5"]);
    expect(pathTo(treeOf([]), null)).toEqual([]);
  });

  it("ends at a circle and at a missing parent", () => {
    const odd = treeOf([message("m1", "a", "m2", "x"), message("m2", "a", "m1", "y"), message("m3", "a", "gone", "z")]);
    expect(pathTo(odd, "m1").length).toBe(2);
    expect(pathTo(odd, "m3").map((branch) => branch.message.id)).toEqual(["m3"]);
  });
});

describe("files", () => {
  async function filled(): Promise<ConversationStore> {
    const store = fresh();
    void store.saveMessage(message("m1", "a", null, "## User\nis this", { attachments: [{ name: "a.txt", bytes: 3, text: "```" }] }));
    void store.saveMessage(message("m2", "a", "m1", "yes", { role: "assistant", reasoning: "hm\n\nhm", finish: "stop", usage: { promptTokens: 1, completionTokens: 2, reasoningTokens: 0 }, resume: { streamId: "s", lastEventId: 4 } }));
    void store.saveMessage(message("m3", "a", "m1", "\\## Assistant\nno", { role: "assistant" }));
    await store.saveConversation(conversation("a", { leaf: "m2", systemPrompt: "be short", sampling: { temperature: 0.5 } }));
    return store;
  }

  it("come back as they went, with new ids", async () => {
    const store = await filled();
    const transfer = createTransfer(store);
    const blob = await transfer.toJson(["a", "missing"]);
    expect(await transfer.fromJson(blob)).toEqual({ conversations: 1, messages: 3 });
    const added = (await store.list()).find((c) => c.id !== "a") as Conversation;
    const { conversation: copy, messages } = (await store.open(added.id)) as { conversation: Conversation; messages: Message[] };
    expect(copy).toMatchObject({ title: "Title a", systemPrompt: "be short", sampling: { temperature: 0.5 } });
    expect(pathTo(treeOf(messages), copy.leaf).map((branch) => branch.message.text)).toEqual(["## User\nis this", "yes"]);
    expect(messages.some((m) => "resume" in m || /^m\d$/.test(m.id))).toBe(false);
  });

  it("come back from Markdown", async () => {
    const store = await filled();
    const transfer = createTransfer(store, () => 77);
    const blob = await transfer.toMarkdown("a");
    expect(await transfer.fromMarkdown(blob)).toEqual({ conversations: 1, messages: 2 });
    const added = (await store.list())[0] as Conversation;
    const messages = (await store.open(added.id))?.messages;
    expect(added).toMatchObject({ title: "Title a", systemPrompt: "be short", updatedMs: 77 });
    expect(messages?.[0]?.text).toBe("## User\nis this\n\nAttached: a.txt\n\n````\n```\n````");
    expect(messages?.[1]).toMatchObject({ text: "yes", reasoning: "hm\n\nhm" });
  });

  const file = (change: object): string => JSON.stringify({ format: "seawall-conversations", version: 1, conversations: [{ title: "t", createdMs: 1, updatedMs: 1, leaf: null, messages: [{ id: "1", parentId: null, role: "user", text: "x", createdMs: 1, ...change }] }] });

  it.each([
    ["{", "not JSON"],
    ["[]", "expected form"],
    ["{}", "not an export"],
    ['{"format":"seawall-conversations","version":2,"conversations":[]}', "newer version"],
    ['{"format":"seawall-conversations","version":1}', "lacks a list"],
    ['{"format":"seawall-conversations","version":1,"conversations":[null]}', "Conversation 1"],
    [file({ parentId: "1" }), "does not come before"],
    [file({ role: "system" }), "no role"],
    [file({ text: 5 }), '"text"'],
    [file({ createdMs: -1 }), '"createdMs"'],
    [file({ finish: "x" }), '"finish"'],
    [file({ attachments: Array(99).fill({}) }), "more than 32"],
  ])("refuses %s", async (content, sentence) => {
    const store = fresh();
    const error: unknown = await createTransfer(store).fromJson(new Blob([content])).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(TransferError);
    expect((error as Error).message).toContain(sentence);
    expect(await store.list()).toEqual([]);
  });

  it("refuses Markdown without a message", async () => {
    await expect(createTransfer(fresh()).fromMarkdown(new Blob(["hello"]))).rejects.toThrow(/no message/);
  });
});

describe("settings", () => {
  const storage = (): Storage => {
    const entries = new Map<string, string>();
    return { getItem: (k: string) => entries.get(k) ?? null, setItem: (k: string, v: string) => void entries.set(k, v) } as unknown as Storage;
  };

  it("are kept, and wrong ones are passed over", () => {
    const kept = storage();
    expect(createSettings(() => kept).set({ theme: "dark", model: "m" })).toBe(true);
    expect(createSettings(() => kept).get()).toEqual({ language: "", theme: "dark", model: "m", key: "" });
    kept.setItem("seawall", '{"theme":"pink","language":5,"key":"k"}');
    expect(createSettings(() => kept).get()).toEqual({ language: "", theme: "", model: "", key: "k" });
    kept.setItem("seawall", "{");
    expect(createSettings(() => kept).get().key).toBe("");
  });

  it("of two tabs are one: a change leaves what the other has changed", () => {
    const kept = storage();
    const [one, other] = [createSettings(() => kept), createSettings(() => kept)];
    one.set({ key: "sk-1", theme: "dark" });
    other.set({ language: "zh" });
    expect(createSettings(() => kept).get()).toEqual({ language: "zh", theme: "dark", model: "", key: "sk-1" });
    one.set({ key: "" });
    expect(other.get().key).toBe("sk-1");
    expect(other.readAgain().key).toBe("");
    other.set({ model: "m" });
    expect(createSettings(() => kept).get().key).toBe("");
  });

  it("live in memory where storage is denied, and in the storage when it is not any more", () => {
    let denied = true;
    const kept = storage();
    const settings = createSettings(() => {
      if (denied) throw new DOMException("no", "SecurityError");
      return kept;
    });
    expect(settings.set({ theme: "light" })).toBe(false);
    expect(settings.set({ model: "m" })).toBe(false);
    expect(settings.get()).toMatchObject({ theme: "light", model: "m" });
    denied = false;
    expect(settings.set({ language: "en" })).toBe(true);
    expect(createSettings(() => kept).get()).toMatchObject({ theme: "light", model: "m", language: "en" });
  });
});
