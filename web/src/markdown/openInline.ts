/*
 * Inline text that is not whole yet. It keeps the tokens of all that cannot change any more, up to a space after which nothing is open, and lexes the rest with
 * what is open closed for display.
 */
import { Ahead, runLength, work } from "./ahead";
import { lexInline } from "./inline";
import { mayBePair, PAIR_CHARS_MAX, pairAt } from "./pairs";
import { joined, textToken } from "./tokens";
import type { Token } from "./types";

/* Text that grows at its end. */
export class OpenInline {
  private settled = "";
  private tokens: Token[] = [];
  private last = { text: "", tokens: [] as Token[] };

  show(text: string): Token[] {
    if (text === this.last.text) return this.last.tokens;
    if (!text.startsWith(this.settled)) {
      this.settled = "";
      this.tokens = [];
    }
    const tail = text.slice(this.settled.length);
    const closed = closeInline(tail);
    const lexed = lexInline(closed);
    const tokens = joined(this.tokens, lexed);
    this.last = { text, tokens };
    if (closed === tail) this.settle(lexed);
    return tokens;
  }

  private settle(lexed: Token[]): void {
    const last = lexed.at(-1);
    if (last?.type !== "text" || lexed.some((token) => token.type === "text" && /[*_`~[\]$<\\&|!]/.test(token.raw))) return;
    const space = last.raw.lastIndexOf(" ");
    if (space <= 0) return;
    const before = [...lexed.slice(0, -1), textToken(last.raw.slice(0, space))];
    const settled = before.reduce((sum, token) => sum + token.raw.length, 0);
    this.settled += this.last.text.slice(this.settled.length, this.settled.length + settled);
    this.tokens = joined(this.tokens, before);
  }
}

/* ---- closing for display ---- */

interface Mark {
  char: string; /* or a tag that begins a pair; then `end` closes it */
  end?: string;
  length: number;
  at: number;
}

/*
 * What a person would expect of text that ends here: marks that are open are closed, a half link is its text, marks that have just begun are left away.
 * One walk over the text; wrong guesses last until the rest comes.
 */
export function closeInline(text: string): string {
  if (!/[*_`~[\\$<]/.test(text)) return text;
  const open: Mark[] = [];
  const brackets: number[] = []; /* where in `open` they are */
  const ahead = new Ahead(text);
  work.chars += text.length;
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    if (char === "\\") {
      const maths = /^\\[([]/.test(text.slice(at, at + 2)) ? text.indexOf(text.charAt(at + 1) === "(" ? "\\)" : "\\]", at + 2) : -2;
      if (maths === -1) return close(text.slice(0, at).trimEnd(), open);
      if (at + 1 === text.length) return close(text.slice(0, at), open);
      at = maths >= 0 ? maths + 2 : at + 2;
    } else if (char === "`") {
      const length = runLength(text, at);
      const end = ahead.backticks(length, at + length);
      if (end < 0) return closeCode(text, at, length, open);
      at = end + length;
    } else if (char === "$") {
      at = ahead.maths(at)?.end ?? at + 1;
    } else if (char === "<") {
      if (mayBePair(text, at)) return close(text.slice(0, at), open);
      at = takePair(text, at, ahead, open);
    } else if (char === "[") {
      brackets.push(open.length);
      open.push({ char, length: 1, at });
      at += 1;
    } else if (char === "]") {
      const link = brackets.pop() ?? -1;
      const end = link < 0 ? at + 1 : linkEnd(text, at);
      if (end < 0 && link >= 0) return halfLink(text, open, link, at);
      if (link >= 0) open.splice(link);
      at = Math.max(end, at + 1);
    } else if (char === "*" || char === "_" || (char === "~" && text.charAt(at + 1) === "~")) {
      const length = runLength(text, at);
      if (!takeRun(text, { char, length, at }, open)) return close(text.slice(0, at), open);
      at += length;
    } else {
      at += 1;
    }
  }
  return close(text, open);
}

/* Behind the whole pair, or behind the tag of one that is open. */
function takePair(text: string, at: number, ahead: Ahead, open: Mark[]): number {
  const name = pairAt(text, at);
  if (!name) return at + 1;
  const inside = at + name.length + 2;
  const end = `</${name}>`;
  const found = ahead.find(end, inside);
  if (found >= 0) return found + end.length;
  if (text.length - inside <= PAIR_CHARS_MAX) open.push({ char: `<${name}>`, end, length: 1, at });
  return inside;
}

function closeCode(text: string, at: number, length: number, open: Mark[]): string {
  let end = text.length;
  while (text.charAt(end - 1) === "`") end -= 1;
  if (end <= at || text.slice(at + length, end).trim() === "") return close(text.slice(0, at), open);
  return close(text.slice(0, end) + "`".repeat(length), open);
}

/* The end of `](…)`; at + 1 when it is no link; -1 when it may still become one. */
function linkEnd(text: string, at: number): number {
  if (at + 1 === text.length) return -1;
  if (text.charAt(at + 1) !== "(") return at + 1;
  let depth = 0;
  for (let i = at + 1; i < text.length; i++) {
    work.chars += 1;
    const char = text.charAt(i);
    if (char === "\\") i += 1;
    else if (char === "\n" && text.charAt(i + 1) === "\n") return at + 1;
    else if (char === "(") depth += 1;
    else if (char === ")" && --depth === 0) return i + 1;
  }
  return -1;
}

function halfLink(text: string, open: Mark[], link: number, end: number): string {
  const mark = open[link];
  if (!mark) return text;
  const label = text.slice(mark.at + 1, end);
  return close(text.slice(0, beforeLink(text, mark.at)) + label, open.slice(0, link));
}

function beforeLink(text: string, at: number): number {
  return text.charAt(at - 1) === "!" ? at - 1 : at;
}

/* False: the run ends the text and opens or half closes something; it is left away. */
function takeRun(text: string, run: Mark, open: Mark[]): boolean {
  const before = text.charAt(run.at - 1);
  const after = text.charAt(run.at + run.length);
  const closes = before !== "" && !/\s/.test(before) && !(run.char === "_" && /[\p{L}\p{N}]/u.test(after));
  const opens = after !== "" && !/\s/.test(after) && !(run.char === "_" && /[\p{L}\p{N}]/u.test(before));
  let left = run.length;
  while (closes && left > 0) {
    const top = open.at(-1);
    if (top?.char !== run.char) break;
    const closed = Math.min(top.length, left);
    if (after === "" && top.length > left) return false;
    top.length -= closed;
    left -= closed;
    if (top.length === 0) open.pop();
  }
  if (left === 0) return true;
  if (after === "" && !/\s/.test(before)) return left < run.length;
  if (after === "") return false;
  if (opens) open.push({ char: run.char, length: left, at: run.at });
  return true;
}

function close(text: string, open: Mark[]): string {
  let closed = "";
  let marks = "";
  let from = 0;
  for (const mark of open) {
    if (mark.char !== "[") {
      marks = (mark.end ?? mark.char.repeat(mark.length)) + marks;
    } else {
      closed += text.slice(from, beforeLink(text, mark.at));
      from = mark.at + 1;
    }
  }
  closed += text.slice(from);
  return marks === "" ? closed : closed.trimEnd() + marks;
}
