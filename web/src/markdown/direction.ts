/*
 * Which way a list, a quote or a table runs: by its first letter that has a direction, as dir="auto" finds it. A browser does not find it there: what such a
 * block holds has a direction of its own, and nothing of that counts for what is around it.
 *
 * Code and formulas run from the left in any text and say nothing. After PIECES_MAX pieces without such a letter there is no answer, so that a long list of
 * numbers costs no frame more than a short one; the block then runs as what is around it.
 */
import { decodeEntities } from "./entities";
import type { BlockNode, Chunked, Token } from "./types";

export const PIECES_MAX = 256;

const STRONG = /[\p{L}\u200e\u200f]/u;
/* The blocks of Unicode that are kept for scripts from the right, and the mark. */
const FROM_RIGHT = /[\u0590-\u08ff\u200f\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

export function directionOf(node: BlockNode): "ltr" | "rtl" | undefined {
  let looked = 0;
  for (const piece of pieces(node)) {
    const letter = STRONG.exec(piece)?.[0];
    if (letter !== undefined) return FROM_RIGHT.test(letter) ? "rtl" : "ltr";
    if (++looked === PIECES_MAX) return undefined;
  }
  return undefined;
}

/* In the order in which it is read; an empty one for what has no letters. */
function* pieces(node: BlockNode): Generator<string> {
  switch (node.type) {
    case "paragraph":
    case "heading":
      return yield* letters(node.tokens);
    case "table":
      for (const cell of node.header) yield* letters(cell.tokens);
      for (const rows of node.rows) for (const row of rows) for (const cell of row) yield* letters(cell.tokens);
      return;
    case "list":
      for (const items of node.items) for (const { children } of items) yield* within(children);
      return;
    case "quote":
      return yield* within(node.children);
    default:
      yield "";
  }
}

function* within(children: Chunked<BlockNode>): Generator<string> {
  yield "";
  for (const chunk of children) for (const child of chunk) yield* pieces(child);
}

function* letters(tokens: readonly Token[]): Generator<string> {
  if (tokens.length === 0) yield "";
  for (const token of tokens) {
    if (token.tokens) yield* letters(token.tokens);
    else if (token.type === "codespan" || token.type === "maths") yield "";
    else yield decodeEntities(token.text);
  }
}
