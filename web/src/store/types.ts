/*
 * Conversations as they are kept in this browser (IndexedDB "seawall"), and nowhere else.
 *
 * A conversation is a tree of messages: each has a parent, siblings are edits and retries. The path that is shown is the one that ends in `leaf`.
 */
import type { Finish, Reduction, Refusal, ResumePoint, Sampling, Usage } from "../api/types";

export interface Attachment {
  name: string;
  bytes: number;
  text: string;
}

export interface Message {
  id: string;
  conversationId: string;
  parentId: string | null;
  role: "user" | "assistant";
  text: string; /* Markdown as it came */
  createdMs: number; /* Date.now() */
  attachments?: Attachment[];
  /* Of an answer: */
  reasoning?: string;
  reasoningMs?: number;
  model?: string;
  usage?: Usage;
  firstTokenMs?: number; /* after it was asked */
  totalMs?: number;
  waitedMs?: number; /* for the first tokens of its later parts, when it was continued */
  earlier?: { askedMs: number; usage?: Usage; firstTokenMs?: number; totalMs: number; waitedMs: number }; /* while it is being continued: chat/parts.ts */
  finish?: Finish | "stopped" | "broken"; /* absent: still under way, or the page went in its middle */
  refusal?: Refusal; /* why it is broken; absent: the connection was lost, or nobody said */
  reductions?: Reduction[];
  resume?: ResumePoint; /* while it is under way */
}

export interface Conversation {
  id: string;
  title: string; /* "" until the first question */
  createdMs: number;
  updatedMs: number;
  leaf: string | null;
  model: string; /* "" : the first that answers */
  systemPrompt: string;
  sampling: Sampling;
}

/* What is written and attached, and not sent yet. */
export interface Draft {
  text: string;
  files: readonly Attachment[];
}

export interface SearchHit {
  conversation: Conversation;
  excerpt: string; /* plain text around the first hit; "" when the title hit */
}

export type StorageState = "ready" | "denied" | "full";

/* All writes are queued and batched; nothing of them throws: `state` tells, and the page goes on in memory. */
export interface ConversationStore {
  readonly state: StorageState;
  onState(listener: (state: StorageState) => void): () => void;
  /* Newest first, without messages. */
  list(): Promise<Conversation[]>;
  open(id: string): Promise<{ conversation: Conversation; messages: Message[] } | null>;
  saveConversation(conversation: Conversation): Promise<void>;
  saveMessage(message: Message): Promise<void>;
  /* With its messages and its draft. What is saved of it later, by an answer that still runs, does not bring it back. */
  remove(id: string): Promise<void>;
  /* Brings it back, as open() and draft() had it. */
  restore(whole: { conversation: Conversation; messages: readonly Message[] }, draft: Draft): Promise<void>;
  /* Case-blind, all words must occur; at most `limit` hits, newest first. */
  search(words: string, limit: number, signal?: AbortSignal): Promise<SearchHit[]>;
  draft(conversationId: string): Promise<Draft>;
  saveDraft(conversationId: string, text: string): void;
  /* False: there is no room for them beside the conversations, so that they last as long as the page. */
  saveDraftFiles(conversationId: string, files: readonly Attachment[]): Promise<boolean>;
  /* Begins to write, before it returns, all that was saved, and tells other tabs of it: for a page that goes. */
  flush(): void;
  /* Told by other tabs of this browser. What another one removed is removed here too, with what was not written yet. */
  onChange(listener: (conversationId: string, removed: boolean) => void): () => void;
}

/* Files that go out and come in. An import never replaces: every conversation of it gets new ids. */
export interface Transfer {
  toJson(ids: string[]): Promise<Blob>;
  toMarkdown(id: string): Promise<Blob>;
  /* Throws TransferError. */
  fromJson(file: Blob): Promise<{ conversations: number; messages: number }>;
  fromMarkdown(file: Blob): Promise<{ conversations: number; messages: number }>;
}

export type TransferTrouble = "unreadable" | "too_large" | "not_json" | "not_export" | "newer" | "no_messages" | "malformed";

/* `message` is English and says where; the page has a sentence of its own for each code. */
export class TransferError extends Error {
  constructor(
    readonly code: TransferTrouble,
    message: string,
  ) {
    super(message);
  }
}
