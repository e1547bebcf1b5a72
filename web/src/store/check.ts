/*
 * A file of conversations, checked member by member: what has not the form of transfer.ts, or is larger than anything we write, is refused with a sentence
 * that says where. Members that are not known are left out.
 */
import type { Reduction, Sampling, Usage } from "../api/types";
import { TransferError, type Attachment, type Message } from "./types";

export const FORMAT = "seawall-conversations";
export const VERSION = 1;
export const CONVERSATIONS_MAX = 5_000;
export const MESSAGES_MAX = 10_000; /* of one conversation */
export const TEXT_CHARS_MAX = 8 * 1024 * 1024;
export const ATTACHMENTS_MAX = 32;
const NAME_CHARS_MAX = 500;
const REDUCTIONS_MAX = 16;

export interface FileMessage extends Omit<Message, "conversationId" | "resume" | "earlier" | "refusal"> {}

export interface FileConversation {
  title: string;
  createdMs: number;
  updatedMs: number;
  leaf: string | null;
  model: string;
  systemPrompt: string;
  sampling: Sampling;
  messages: FileMessage[]; /* parents before their children */
}

type Json = Record<string, unknown>;

export function checkFile(root: unknown): FileConversation[] {
  const file = object(root, "The file");
  if (file.format !== FORMAT) throw new TransferError("not_export", "This file is not an export of conversations.");
  if (typeof file.version !== "number" || file.version > VERSION) throw new TransferError("newer", "This file was written by a newer version of this page.");
  return list(file.conversations, CONVERSATIONS_MAX, "The file").map((conversation, at) => checkConversation(conversation, `Conversation ${at + 1}`));
}

function checkConversation(value: unknown, where: string): FileConversation {
  const from = object(value, where);
  const seen = new Set<string>();
  const messages = list(from.messages, MESSAGES_MAX, where).map((message, at) => checkMessage(message, seen, `Message ${at + 1} of ${where.toLowerCase()}`));
  const leaf = from.leaf === null || from.leaf === undefined ? null : text(from.leaf, NAME_CHARS_MAX, where, "leaf");
  if (leaf !== null && !seen.has(leaf)) throw new TransferError("malformed", `${where} shows a message that it does not have.`);
  return {
    title: text(from.title, NAME_CHARS_MAX, where, "title"),
    createdMs: time(from.createdMs, where, "createdMs"),
    updatedMs: time(from.updatedMs, where, "updatedMs"),
    leaf,
    model: text(from.model ?? "", NAME_CHARS_MAX, where, "model"),
    systemPrompt: text(from.systemPrompt ?? "", TEXT_CHARS_MAX, where, "systemPrompt"),
    sampling: checkSampling(from.sampling ?? {}, where),
    messages,
  };
}

function checkMessage(value: unknown, seen: Set<string>, where: string): FileMessage {
  const from = object(value, where);
  const id = text(from.id, NAME_CHARS_MAX, where, "id");
  if (seen.has(id)) throw new TransferError("malformed", `${where} has the id of another message.`);
  const parentId = from.parentId === null ? null : text(from.parentId, NAME_CHARS_MAX, where, "parentId");
  if (parentId !== null && !seen.has(parentId)) throw new TransferError("malformed", `${where} answers a message that does not come before it.`);
  seen.add(id);
  if (from.role !== "user" && from.role !== "assistant") throw new TransferError("malformed", `${where} has no role "user" or "assistant".`);
  const message: FileMessage = {
    id,
    parentId,
    role: from.role,
    text: text(from.text, TEXT_CHARS_MAX, where, "text"),
    createdMs: time(from.createdMs, where, "createdMs"),
  };
  if (from.attachments !== undefined) message.attachments = list(from.attachments, ATTACHMENTS_MAX, where).map((one) => checkAttachment(one, where));
  if (from.reasoning !== undefined) message.reasoning = text(from.reasoning, TEXT_CHARS_MAX, where, "reasoning");
  if (from.model !== undefined) message.model = text(from.model, NAME_CHARS_MAX, where, "model");
  for (const name of ["reasoningMs", "firstTokenMs", "totalMs", "waitedMs"] as const) {
    if (from[name] !== undefined) message[name] = time(from[name], where, name);
  }
  if (from.usage !== undefined) message.usage = checkUsage(from.usage, where);
  if (from.finish !== undefined) message.finish = checkFinish(from.finish, where);
  if (from.reductions !== undefined) message.reductions = list(from.reductions, REDUCTIONS_MAX, where).map((one) => checkReduction(one, where));
  return message;
}

function checkAttachment(value: unknown, where: string): Attachment {
  const from = object(value, where);
  return { name: text(from.name, NAME_CHARS_MAX, where, "name"), bytes: time(from.bytes, where, "bytes"), text: text(from.text, TEXT_CHARS_MAX, where, "text") };
}

function checkUsage(value: unknown, where: string): Usage {
  const from = object(value, where);
  return {
    promptTokens: time(from.promptTokens, where, "promptTokens"),
    completionTokens: time(from.completionTokens, where, "completionTokens"),
    reasoningTokens: time(from.reasoningTokens ?? 0, where, "reasoningTokens"),
  };
}

function checkReduction(value: unknown, where: string): Reduction {
  const from = object(value, where);
  return { step: text(from.step, NAME_CHARS_MAX, where, "step"), detail: text(from.detail, NAME_CHARS_MAX, where, "detail") };
}

const FINISHES = ["stop", "length", "cut", "other", "stopped", "broken"] as const;

function checkFinish(value: unknown, where: string): (typeof FINISHES)[number] {
  const finish = FINISHES.find((known) => known === value);
  if (!finish) throw new TransferError("malformed", `${where} has an unknown member "finish".`);
  return finish;
}

function checkSampling(value: unknown, where: string): Sampling {
  const from = object(value, where);
  const sampling: Sampling = {};
  for (const name of ["temperature", "top_p", "max_tokens", "seed"] as const) {
    const number = from[name];
    if (number === undefined) continue;
    if (typeof number !== "number" || !Number.isFinite(number)) throw new TransferError("malformed", `${where} has a member "${name}" that is no number.`);
    sampling[name] = number;
  }
  return sampling;
}

/* ---- members ---- */

function object(value: unknown, where: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TransferError("malformed", `${where} has not the expected form.`);
  return value as Json;
}

function list(value: unknown, max: number, where: string): unknown[] {
  if (!Array.isArray(value)) throw new TransferError("malformed", `${where} lacks a list.`);
  if (value.length > max) throw new TransferError("malformed", `${where} has more than ${max} entries in a list.`);
  return value as unknown[];
}

function text(value: unknown, max: number, where: string, name: string): string {
  if (typeof value !== "string") throw new TransferError("malformed", `${where} has a member "${name}" that is no text.`);
  if (value.length > max) throw new TransferError("malformed", `${where} has a member "${name}" of more than ${max} characters.`);
  return value;
}

function time(value: unknown, where: string, name: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw new TransferError("malformed", `${where} has a member "${name}" that is no number of 0 and more.`);
  return value;
}
