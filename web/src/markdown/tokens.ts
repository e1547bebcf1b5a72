/* Lists of tokens in which texts that meet are one. */
import type { Token } from "./types";

export function textToken(text: string): Token {
  return { type: "text", raw: text, text };
}

/* Two texts that meet become one, as they will be when the whole is lexed. */
export function joined(before: readonly Token[], after: readonly Token[]): Token[] {
  const [last, first] = [before.at(-1), after[0]];
  if (last?.type !== "text" || first?.type !== "text") return [...before, ...after];
  return [...before.slice(0, -1), textToken(last.raw + first.raw), ...after.slice(1)];
}
