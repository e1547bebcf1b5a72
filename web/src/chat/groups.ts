/* Conversations by the day of their last word, newest first, as the list shows them. Days are the reader's own. */
import type { Conversation } from "../store/types";

const DAY_MS = 86_400_000;

export type GroupName = "today" | "yesterday" | "week" | "month" | { year: number; month: number };

export interface Group {
  name: GroupName;
  conversations: Conversation[];
}

export function groupByDay(conversations: readonly Conversation[], nowMs: number): Group[] {
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  const groups = new Map<string, Group>();
  for (const conversation of [...conversations].sort((a, b) => b.updatedMs - a.updatedMs)) {
    const name = nameOf(conversation.updatedMs, midnight);
    const key = typeof name === "string" ? name : `${name.year}-${name.month}`;
    const group = groups.get(key);
    if (group) group.conversations.push(conversation);
    else groups.set(key, { name, conversations: [conversation] });
  }
  return [...groups.values()];
}

function nameOf(atMs: number, midnight: number): GroupName {
  if (atMs >= midnight) return "today";
  if (atMs >= midnight - DAY_MS) return "yesterday";
  if (atMs >= midnight - 7 * DAY_MS) return "week";
  if (atMs >= midnight - 30 * DAY_MS) return "month";
  const date = new Date(atMs);
  return { year: date.getFullYear(), month: date.getMonth() };
}
