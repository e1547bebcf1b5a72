/*
 * The conversation store of types.ts: a copy of what was changed in memory, and writes that follow it into the database in batches.
 *
 * Every save changes the memory, and all that is saved in one moment is written at once and in one transaction: what a page begins to write when it goes is not
 * always written. Only the text of a draft, which is saved with each key, is written within WRITE_MS, the newest of it; its end at once. Reads see the memory first, and when
 * storage is denied or full the page goes on as before, until it is closed. Files of drafts are given up first when it is full: they are still where they were
 * attached from.
 */
import { committed, isQuota, openDb, result, type StoreName } from "./db";
import { searchAll } from "./search";
import type { Attachment, Conversation, ConversationStore, Draft, Message, SearchHit, StorageState } from "./types";

export const WRITE_MS = 500;
const CHANNEL = "seawall-conversations";

export interface StoreOptions {
  indexedDB?: IDBFactory | undefined;
  channel?: BroadcastChannel | null;
}

/* From tab to tab, when it is written. */
interface News {
  id: string;
  removed: boolean;
}

interface Change {
  store: StoreName;
  key: string;
  value: unknown; /* undefined: it is removed */
}

export function createConversationStore(options: StoreOptions = {}): ConversationStore {
  return new Store(options);
}

/* Asks the browser not to clear this storage by itself. */
export async function askToPersist(): Promise<boolean> {
  try {
    return await navigator.storage.persist();
  } catch {
    return false;
  }
}

class Store implements ConversationStore {
  state: StorageState = "ready";
  private readonly db: Promise<IDBDatabase | null>;
  private opened: IDBDatabase | null = null;
  private readonly stateListeners = new Set<(state: StorageState) => void>();
  private readonly changeListeners = new Set<(conversationId: string, removed: boolean) => void>();
  private readonly channel: BroadcastChannel | null;
  /* What is not written yet; and, once storage fails, all that was ever changed. */
  private readonly conversations = new Map<string, Conversation | null>();
  private readonly messages = new Map<string, Map<string, Message>>();
  private readonly drafts = new Map<string, string | readonly Attachment[]>();
  private readonly keptTold = new Map<string, (kept: boolean) => void>(); /* who waits whether files of a draft are written */
  private queue = new Map<string, Change>();
  private readonly newest = new Map<string, Change>(); /* of each entry that is not written yet, in the queue or on its way */
  private readonly underWay = new Set<Map<string, Change>>(); /* batches that are being written; other tabs hear of them afterwards */
  private writingSoon: Promise<void> | null = null;
  private writingNow: Promise<void> | null = null;
  private nextWriteMs = 0;

  constructor(options: StoreOptions) {
    this.db = this.openStorage("indexedDB" in options ? options.indexedDB : globalThis.indexedDB);
    this.channel = options.channel === undefined ? openChannel() : options.channel;
    if (this.channel) this.channel.onmessage = (event: MessageEvent<unknown>) => isNews(event.data) && this.hear(event.data);
  }

  onState(listener: (state: StorageState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  onChange(listener: (conversationId: string, removed: boolean) => void): () => void {
    this.changeListeners.add(listener);
    return () => this.changeListeners.delete(listener);
  }

  /* ---- reading ---- */

  async list(): Promise<Conversation[]> {
    const stored = await this.read<Conversation[]>("conversations", (store) => store.getAll(), []);
    const all = new Map(stored.map((conversation) => [conversation.id, conversation]));
    for (const [id, conversation] of this.conversations) {
      if (conversation) all.set(id, conversation);
      else all.delete(id);
    }
    return [...all.values()].sort((a, b) => b.updatedMs - a.updatedMs || (a.id < b.id ? -1 : 1));
  }

  async open(id: string): Promise<{ conversation: Conversation; messages: Message[] } | null> {
    const changed = this.conversations.get(id);
    if (changed === null) return null;
    const [stored, messages] = await Promise.all([
      changed ?? this.read<Conversation | undefined>("conversations", (store) => store.get(id), undefined),
      this.messagesOf(id),
    ]);
    const conversation = this.conversations.get(id) ?? stored;
    return conversation ? { conversation, messages } : null;
  }

  private async messagesOf(id: string): Promise<Message[]> {
    const stored = await this.read<Message[]>("messages", (store) => store.index("of").getAll(id), []);
    const all = new Map(stored.map((message) => [message.id, message]));
    for (const [messageId, message] of this.messages.get(id) ?? []) all.set(messageId, message);
    return [...all.values()].sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
  }

  async search(words: string, limit: number, signal?: AbortSignal): Promise<SearchHit[]> {
    return searchAll(await this.list(), (id) => this.messagesOf(id), words, limit, signal);
  }

  async draft(conversationId: string): Promise<Draft> {
    const [text, files] = await Promise.all([this.draftPart(conversationId), this.draftPart(filesOf(conversationId))]);
    return { text: typeof text === "string" ? text : "", files: Array.isArray(files) ? (files as Attachment[]) : [] };
  }

  private async draftPart(key: string): Promise<unknown> {
    return this.drafts.get(key) ?? this.read<unknown>("drafts", (store) => store.get(key), undefined);
  }

  private async read<T>(name: StoreName, ask: (store: IDBObjectStore) => IDBRequest<T>, otherwise: T): Promise<T> {
    const db = await this.db;
    if (!db || this.state === "denied") return otherwise;
    try {
      return await result(ask(db.transaction(name).objectStore(name)));
    } catch {
      this.fail("denied");
      return otherwise;
    }
  }

  /* ---- writing ---- */

  saveConversation(conversation: Conversation): Promise<void> {
    if (this.conversations.get(conversation.id) === null) return Promise.resolve();
    const copy = structuredClone(conversation);
    this.conversations.set(copy.id, copy);
    return this.enqueue({ store: "conversations", key: copy.id, value: copy });
  }

  saveMessage(message: Message): Promise<void> {
    if (this.conversations.get(message.conversationId) === null) return Promise.resolve();
    const copy = structuredClone(message);
    const of = this.messages.get(copy.conversationId) ?? new Map<string, Message>();
    this.messages.set(copy.conversationId, of.set(copy.id, copy));
    return this.enqueue({ store: "messages", key: copy.id, value: copy });
  }

  saveDraft(conversationId: string, text: string): void {
    if (this.conversations.get(conversationId) === null) return;
    this.drafts.set(conversationId, text);
    void this.enqueue({ store: "drafts", key: conversationId, value: text === "" ? undefined : text }, text !== "");
  }

  saveDraftFiles(conversationId: string, files: readonly Attachment[]): Promise<boolean> {
    if (this.conversations.get(conversationId) === null) return Promise.resolve(true);
    const key = filesOf(conversationId);
    this.drafts.set(key, files);
    this.tellKept(key, true); /* of those before: these are what counts now */
    if (this.state === "denied") return Promise.resolve(false);
    return new Promise((resolve) => {
      this.keptTold.set(key, resolve);
      void this.enqueue({ store: "drafts", key, value: files.length === 0 ? undefined : files });
    });
  }

  private tellKept(key: string, kept: boolean): void {
    this.keptTold.get(key)?.(kept);
    this.keptTold.delete(key);
  }

  async remove(id: string): Promise<void> {
    this.drop(id);
    await this.enqueue({ store: "conversations", key: id, value: undefined });
  }

  /* Nothing of it is written any more. */
  private drop(id: string): void {
    for (const message of this.messages.get(id)?.values() ?? []) this.giveUp(`messages ${message.id}`);
    this.giveUp(`conversations ${id}`);
    this.conversations.set(id, null);
    this.messages.delete(id);
    for (const key of [id, filesOf(id)]) {
      this.drafts.delete(key);
      this.giveUp(`drafts ${key}`);
      this.tellKept(key, true);
    }
  }

  async restore(whole: { conversation: Conversation; messages: readonly Message[] }, draft: Draft): Promise<void> {
    const { id } = whole.conversation;
    this.conversations.delete(id);
    for (const message of whole.messages) void this.saveMessage(message);
    if (draft.text !== "") this.saveDraft(id, draft.text);
    if (draft.files.length > 0) void this.saveDraftFiles(id, draft.files);
    await this.saveConversation(whole.conversation);
  }

  flush(): void {
    void this.write();
    for (const batch of this.underWay) this.announce(batch); /* a page that goes cannot say so afterwards */
  }

  private enqueue(change: Change, paced = false): Promise<void> {
    const name = `${change.store} ${change.key}`;
    this.queue.set(name, change);
    this.newest.set(name, change);
    if (paced) return (this.writingSoon ??= this.writeSoon());
    return (this.writingNow ??= Promise.resolve().then(() => {
      this.writingNow = null;
      return this.write();
    }));
  }

  /* It is not to be written, nor tried again. */
  private giveUp(name: string): void {
    this.queue.delete(name);
    this.newest.delete(name);
  }

  private async writeSoon(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, this.nextWriteMs - performance.now())));
    this.writingSoon = null;
    await this.write();
  }

  private async write(): Promise<void> {
    const db = this.opened ?? (await this.db); /* a page that is going waits for nothing any more */
    const batch = this.queue;
    if (batch.size === 0 || this.state === "denied" || !db) return;
    this.queue = new Map();
    this.nextWriteMs = performance.now() + WRITE_MS;
    this.underWay.add(batch);
    try {
      /* What makes room goes first. */
      await apply(db, [...batch.values()].sort((a, b) => Number(a.value !== undefined) - Number(b.value !== undefined)));
      if (this.state === "full") this.become("ready");
      for (const [name, change] of batch) {
        if (this.newest.get(name) === change) this.newest.delete(name);
        this.forget(change);
      }
      this.announce(batch);
    } catch (error) {
      /*
       * What was not written is tried again with the next change: something may have been removed meanwhile. But not what was saved anew since, and is
       * perhaps written already.
       */
      for (const [name, change] of batch) if (this.newest.get(name) === change) this.queue.set(name, change);
      if (isQuota(error) && this.giveUpFiles()) return this.write();
      this.fail(isQuota(error) ? "full" : "denied");
    } finally {
      this.underWay.delete(batch);
    }
  }

  /* Of drafts; they stay in memory. False: none were to be written. */
  private giveUpFiles(): boolean {
    const files = [...this.queue].filter(([, { store, value }]) => store === "drafts" && Array.isArray(value));
    for (const [name, { key }] of files) {
      this.giveUp(name);
      this.tellKept(key, false);
    }
    return files.length > 0;
  }

  /* Written: the database has it now, unless it has been changed since. */
  private forget({ store, key, value }: Change): void {
    if (store === "conversations" && this.conversations.get(key) === value) this.conversations.delete(key);
    if (store === "drafts" && (this.drafts.get(key)?.length ? this.drafts.get(key) === value : value === undefined)) {
      this.drafts.delete(key);
      this.tellKept(key, true);
    }
    if (store !== "messages") return;
    const { conversationId } = value as Message;
    const of = this.messages.get(conversationId);
    if (of?.get(key) === value) of?.delete(key);
    if (of?.size === 0) this.messages.delete(conversationId);
  }

  /* ---- state, and other tabs ---- */

  private async openStorage(factory: IDBFactory | undefined): Promise<IDBDatabase | null> {
    try {
      if (!factory) throw new Error("no storage");
      this.opened = await openDb(factory, () => this.fail("denied"));
      return this.opened;
    } catch (error) {
      this.fail(isQuota(error) ? "full" : "denied");
      return null;
    }
  }

  private fail(state: "denied" | "full"): void {
    for (const key of [...this.keptTold.keys()]) this.tellKept(key, false);
    if (this.state !== "denied") this.become(state);
  }

  private become(state: StorageState): void {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.stateListeners) guarded(() => listener(state));
  }

  private announce(batch: Map<string, Change>): void {
    const removed = new Map<string, boolean>();
    for (const { store, key, value } of batch.values()) {
      if (store === "conversations") removed.set(key, value === undefined);
      if (store === "messages") removed.set((value as Message).conversationId, false);
    }
    for (const [id, gone] of removed) guarded(() => this.channel?.postMessage({ id, removed: gone } satisfies News));
  }

  private hear({ id, removed }: News): void {
    if (removed) this.drop(id);
    else if (this.conversations.get(id) === null && !this.newest.has(`conversations ${id}`)) this.conversations.delete(id); /* brought back */
    for (const listener of this.changeListeners) guarded(() => listener(id, removed));
  }
}

/* All of them or none. */
function apply(db: IDBDatabase, changes: readonly Change[]): Promise<void> {
  const transaction = db.transaction(["conversations", "messages", "drafts"], "readwrite");
  try {
    for (const change of changes) put(transaction, change);
    /* By itself it would wait for this page, which may be going; a removal has more to ask. */
    if (changes.every(({ store, value }) => store === "drafts" || value !== undefined)) transaction.commit();
  } catch (error) {
    transaction.abort();
    throw error;
  }
  return committed(transaction);
}

function put(transaction: IDBTransaction, { store, key, value }: Change): void {
  const target = transaction.objectStore(store);
  if (value !== undefined) {
    if (store === "drafts") target.put(value, key);
    else target.put(value);
    return;
  }
  target.delete(key);
  if (store !== "conversations") return;
  for (const part of [key, filesOf(key)]) transaction.objectStore("drafts").delete(part);
  const cursor = transaction.objectStore("messages").index("of").openKeyCursor(key);
  cursor.onsuccess = () => {
    const at = cursor.result;
    if (!at) return;
    transaction.objectStore("messages").delete(at.primaryKey);
    at.continue();
  };
}

/* The entry of the draft's files: apart from its text, which is written at each key. */
const filesOf = (conversationId: string): string => `${conversationId} files`;

/* A tab with an older page may say other things. */
function isNews(data: unknown): data is News {
  return typeof data === "object" && data !== null && typeof (data as News).id === "string" && typeof (data as News).removed === "boolean";
}

function openChannel(): BroadcastChannel | null {
  try {
    return new BroadcastChannel(CHANNEL);
  } catch {
    return null;
  }
}

function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    console.error(error);
  }
}
