/*
 * The tags that models write inside of text because Markdown has nothing for them: H<sub>2</sub>O, press <kbd>Esc</kbd>. In this form only: lower case, without
 * attributes, not inside of each other or of links; any other tag shows itself.
 */
export const PAIRS = ["sub", "sup", "kbd", "mark", "u"] as const;

export type Pair = (typeof PAIRS)[number];

export const PAIR_CHARS_MAX = 256;

/* Of the tag that begins a pair at `at`. */
export function pairAt(text: string, at: number): Pair | null {
  return PAIRS.find((name) => text.startsWith(`<${name}>`, at)) ?? null;
}

/* Is the text's end, from `at` on, the beginning of such a tag, or of its end? */
export function mayBePair(text: string, at: number): boolean {
  const begun = text.slice(at, at + "</mark>".length);
  return at + begun.length === text.length && PAIRS.some((name) => `<${name}>`.startsWith(begun) || `</${name}>`.startsWith(begun));
}
