/*
 * Search through all conversations, newest first: linear, a conversation at a time, with a pause for the page after each PAUSE_MS of work.
 *
 * All words must occur in a conversation (in its title, or anywhere in its messages, with what was thought and the names of attached files); case and compatibility forms do not matter.
 */
import type { Conversation, Message, SearchHit } from "./types";

export const WORDS_MAX = 8;
const WORDS_CHARS_MAX = 200;
const EXCERPT_BEFORE = 40;
const EXCERPT_CHARS = 160;
const PAUSE_MS = 8;

const fold = (text: string): string => text.normalize("NFKC").toLowerCase();

export function wordsOf(query: string): string[] {
  return fold(query.slice(0, WORDS_CHARS_MAX)).split(/\s+/).filter((word) => word !== "").slice(0, WORDS_MAX);
}

/* Ends early at `limit` hits, or at `signal` with those found so far. */
export async function searchAll(
  conversations: readonly Conversation[],
  messagesOf: (id: string) => Promise<Message[]>,
  query: string,
  limit: number,
  signal?: AbortSignal,
): Promise<SearchHit[]> {
  const words = wordsOf(query);
  const hits: SearchHit[] = [];
  if (words.length === 0) return hits;
  let pauseAt = performance.now() + PAUSE_MS;
  for (const conversation of conversations) {
    if (hits.length >= limit || signal?.aborted) break;
    const inTitle = fold(conversation.title);
    const missing = words.filter((word) => !inTitle.includes(word));
    if (missing.length === 0) {
      hits.push({ conversation, excerpt: "" });
    } else {
      const excerpt = find(await messagesOf(conversation.id), missing);
      if (excerpt !== null) hits.push({ conversation, excerpt });
    }
    if (performance.now() < pauseAt) continue;
    await new Promise((resolve) => setTimeout(resolve));
    pauseAt = performance.now() + PAUSE_MS;
  }
  return hits;
}

/* Around the first place of the first word; null: not all words occur. */
function find(messages: readonly Message[], words: readonly string[]): string | null {
  const left = new Set(words);
  let excerpt: string | null = null;
  for (const text of messages.flatMap(textsOf)) {
    const folded = fold(text);
    for (const word of left) {
      const at = folded.indexOf(word);
      if (at < 0) continue;
      left.delete(word);
      /* Folding changes lengths rarely and little: the same place is near enough for an excerpt. */
      excerpt ??= around(text, at);
    }
    if (left.size === 0) return excerpt;
  }
  return null;
}

function textsOf(message: Message): string[] {
  const names = (message.attachments ?? []).map(({ name }) => name);
  return [message.text, ...names, ...(message.reasoning === undefined ? [] : [message.reasoning])];
}

function around(text: string, at: number): string {
  const from = Math.max(0, at - EXCERPT_BEFORE);
  const to = Math.min(text.length, from + EXCERPT_CHARS);
  const piece = text.slice(from, to).replace(/[#*_`>|~]+/g, "").replace(/\s+/g, " ").trim();
  return `${from > 0 ? "…" : ""}${piece}${to < text.length ? "…" : ""}`;
}
