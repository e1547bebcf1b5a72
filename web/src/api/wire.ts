/*
 * The wire's forms, read: events of a chat completion, comments of a wait, headers and bodies of refusals. Nothing here keeps state or throws; what has not
 * the form is null, or left out.
 */
import type { Reduction, Refusal, Usage } from "./types";

const BODY_CHARS_MAX = 64 * 1024;
const SENTENCE_CHARS_MAX = 2000;
const REDUCTIONS_MAX = 16;

/* What one event of an answer says; absent members did not occur. */
export interface Chunk {
  model?: string;
  reasoning?: string;
  text?: string;
  finish?: string;
  cut?: boolean; /* the door ended it early */
  reductions?: Reduction[]; /* it ended at what a busy door gives it: all that was left away */
  usage?: Usage;
  error?: Refusal & { ticket: string | null };
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const stringOf = (value: unknown): string => (typeof value === "string" ? value : "");
const countOf = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) && value > 0 ? Math.floor(value) : 0);

/* Null: not JSON, or no object. */
export function readChunk(data: string): Chunk | null {
  let root: unknown;
  try {
    root = JSON.parse(data);
  } catch {
    return null;
  }
  if (!isObject(root)) return null;
  if (isObject(root.error) || typeof root.error === "string") return { error: readError(root, 200, "", null) };
  const chunk: Chunk = {};
  if (typeof root.model === "string" && root.model !== "") chunk.model = root.model;
  const choice: unknown = Array.isArray(root.choices) ? root.choices[0] : undefined;
  if (isObject(choice)) {
    const delta = isObject(choice.delta) ? choice.delta : {};
    const reasoning = stringOf(delta.reasoning_content) || stringOf(delta.reasoning);
    if (reasoning !== "") chunk.reasoning = reasoning;
    const text = stringOf(delta.content);
    if (text !== "") chunk.text = text;
    if (typeof choice.finish_reason === "string") chunk.finish = choice.finish_reason;
  }
  if (isObject(root.usage)) {
    chunk.usage = readUsage(root.usage);
    if (isObject(root.usage.seawall) && "cut" in root.usage.seawall) chunk.cut = true;
  }
  if (isObject(root.seawall) && root.seawall.ended === "shortened") chunk.reductions = readReductions(stringOf(root.seawall.reduced));
  else if (isObject(root.seawall) && ("ended" in root.seawall || "cut" in root.seawall)) chunk.cut = true;
  return chunk;
}

function readUsage(usage: Json): Usage {
  const details = isObject(usage.completion_tokens_details) ? usage.completion_tokens_details : {};
  return {
    promptTokens: countOf(usage.prompt_tokens),
    completionTokens: countOf(usage.completion_tokens),
    reasoningTokens: countOf(details.reasoning_tokens),
  };
}

function readError(root: Json, status: number, requestId: string, retryAfterMs: number | null): Refusal & { ticket: string | null } {
  const error = isObject(root.error) ? root.error : { message: stringOf(root.error) };
  const beside = isObject(root.seawall) ? root.seawall : {};
  const { retry_after_ms: againMs } = beside;
  return {
    status,
    code: stringOf(error.code).toLowerCase(),
    message: stringOf(error.message).slice(0, SENTENCE_CHARS_MAX),
    retryAfterMs: typeof againMs === "number" && againMs >= 0 ? againMs : retryAfterMs,
    requestId: stringOf(root.request_id) || requestId,
    ticket: stringOf(beside.ticket) || null,
  };
}

/* An answer whose status is not 2xx, or that is no event stream where one was asked for. */
export async function readRefusal(response: Response, nowMs: number): Promise<Refusal & { ticket: string | null }> {
  let root: unknown = null;
  try {
    root = JSON.parse(await readBounded(response));
  } catch {
    /* an error page of somebody between us and the door: its status says enough */
  }
  const again = readRetryAfter(response.headers.get("retry-after"), nowMs);
  const refusal = readError(isObject(root) ? root : {}, response.status, response.headers.get("x-request-id") ?? "", again);
  refusal.ticket = response.headers.get("seawall-ticket") ?? refusal.ticket;
  return refusal;
}

async function readBounded(response: Response): Promise<string> {
  if (!response.body) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (text.length <= BODY_CHARS_MAX) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return "";
}

/* RFC 9110, section 10.2.3: seconds, or a date. */
export function readRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

/* `output=256, reasoning=low, model="small"`, of the header Seawall-Reduced and of the comment `reduced`. */
export function readReductions(value: string | null): Reduction[] {
  const reductions: Reduction[] = [];
  for (const match of (value ?? "").matchAll(/([a-z][a-z0-9_-]*)(?:=(?:"((?:[^"\\]|\\.)*)"|([^,\s]*)))?\s*(?:,|$)/gi)) {
    if (reductions.length === REDUCTIONS_MAX) break;
    const quoted = match[2]?.replace(/\\(.)/g, "$1");
    reductions.push({ step: (match[1] ?? "").toLowerCase(), detail: quoted ?? match[3] ?? "" });
  }
  return reductions;
}

/* What a comment says of the wait. */
export type Notice =
  | { kind: "waiting"; waiting: number; estimateMs: number | null }
  | { kind: "admitted" }
  | { kind: "reduced"; reductions: Reduction[] };

export function readComment(text: string): Notice | null {
  const [, word = "", rest = ""] = /^\s*([a-z-]+)\b:?\s*(.*)$/i.exec(text) ?? [];
  if (word === "admitted") return { kind: "admitted" };
  if (word === "reduced") return { kind: "reduced", reductions: readReductions(rest) };
  const waiting = /\bwaiting=(\d{1,9})\b/.exec(rest);
  if (word !== "keep-alive" || !waiting) return null;
  const estimate = /\bestimate_ms=(\d{1,12})\b/.exec(rest);
  return { kind: "waiting", waiting: Number(waiting[1]), estimateMs: estimate ? Number(estimate[1]) : null };
}
