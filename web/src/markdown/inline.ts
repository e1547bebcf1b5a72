/*
 * What is inside a paragraph, a heading or a cell: marked's inline lexer with maths, and what is needed to show text that is not whole.
 *
 * lexInline() is asked once for finished text. For open text there is OpenInline: it keeps the tokens of all that cannot change any more, up to a space
 * after which nothing is open, and lexes the rest with what is open closed for display.
 *
 * Reference links ("[a][1]" with "[1]: …" elsewhere) stay text: a definition that comes later would change what has been drawn.
 */
import { Lexer, Marked, Tokenizer, type Token, type Tokens } from "marked";

const MATHS_CHARS_MAX = 2000;
/* marked's own rules look again and again through what follows; these keep that in bounds, and nobody writes so. */
const LINK_CHARS_MAX = 2048;
const LINK_DEPTH_MAX = 8;
const EMPHASIS_CHARS_MAX = 1024;
const EMPHASIS_FAILS_MAX = 48; /* marks in one text that open nothing; those behind are text */
/* Open text that took longer than this is lexed again only when it has grown by a quarter. */
const SLOW_MS = 4;

interface MathsRule {
  name: string;
  display: boolean;
  start: string;
  whole: RegExp;
}

/* `$…$` is maths only where it cannot be money: no space inside the signs, no digit after them. */
const MATHS: MathsRule[] = [
  { name: "mathsDisplayDollar", display: true, start: "$$", whole: /^\$\$((?:[^$\\]|\\[\s\S])+?)\$\$/ },
  { name: "mathsDollar", display: false, start: "$", whole: /^\$(?![\s$])((?:[^$\\\n]|\\[^\n])*?(?:[^$\\\s]|\\[^\n\s]))\$(?![\d$])/ },
  { name: "mathsDisplayBracket", display: true, start: "\\[", whole: /^\\\[([\s\S]+?)\\\]/ },
  { name: "mathsBracket", display: false, start: "\\(", whole: /^\\\(([\s\S]+?)\\\)/ },
];

export interface MathsToken extends Tokens.Generic {
  type: "maths";
  raw: string;
  text: string;
  display: boolean;
}

const marked = new Marked({
  gfm: true,
  tokenizer: {
    /* HTML is text; it opens no state that would change what follows. */
    tag(src) {
      const found = this.rules.inline.tag.exec(src);
      return found ? { type: "html", raw: found[0], text: found[0], inLink: false, inRawBlock: false, block: false } : undefined;
    },
    reflink() {
      return undefined;
    },
    link(src) {
      const end = wholeLink(src);
      return end < 0 ? undefined : Tokenizer.prototype.link.call(this, src.slice(0, end));
    },
    /* A long run of one mark is one text. */
    inlineText(src) {
      const run = /^([*_!~[\]])\1{15,}/.exec(src);
      return run ? { type: "text", raw: run[0], text: run[0], escaped: false } : false;
    },
    emStrong(src, maskedSrc, prevChar) {
      if (!/^[*_]/.test(src) || emphasisFails >= EMPHASIS_FAILS_MAX) return undefined;
      const from = maskedSrc.length - src.length;
      const found = Tokenizer.prototype.emStrong.call(this, src.slice(0, EMPHASIS_CHARS_MAX), maskedSrc.slice(from, from + EMPHASIS_CHARS_MAX), prevChar);
      if (!found) emphasisFails += 1;
      return found;
    },
  },
  extensions: MATHS.map((rule) => ({
    name: rule.name,
    level: "inline" as const,
    start: (src: string) => {
      const at = src.indexOf(rule.start);
      return at < 0 ? undefined : at;
    },
    tokenizer(src: string): MathsToken | undefined {
      if (!src.startsWith(rule.start)) return undefined;
      const found = rule.whole.exec(src.slice(0, MATHS_CHARS_MAX));
      return found ? { type: "maths", raw: found[0], text: found[1] ?? "", display: rule.display } : undefined;
    },
  })),
});

let emphasisFails = 0; /* of the text at hand */

/* The end of `[…](…)` or `![…](…)` at the beginning of `src`; -1: it is none. */
function wholeLink(src: string): number {
  const open = src.startsWith("![") ? 1 : 0;
  if (src.charAt(open) !== "[") return -1;
  const label = closing(src, open, "[", "]");
  return label < 0 || src.charAt(label) !== "(" ? -1 : closing(src, label, "(", ")");
}

/* Behind the bracket that closes the one at `at`; -1: none, or too far or too deep. */
function closing(src: string, at: number, open: string, close: string): number {
  let depth = 0;
  for (let i = at; i < Math.min(src.length, at + LINK_CHARS_MAX); i++) {
    const char = src.charAt(i);
    if (char === "\\") i += 1;
    else if (char === open && ++depth > LINK_DEPTH_MAX) return -1;
    else if (char === close && --depth === 0) return i + 1;
  }
  return -1;
}

/* How many characters have been lexed: the tests hold it against the text's length. */
export const work = { chars: 0 };

export function lexInline(text: string): Token[] {
  work.chars += text.length;
  emphasisFails = 0;
  return new Lexer(marked.defaults).inlineTokens(text);
}

/* Text that grows at its end. */
export class OpenInline {
  private settled = "";
  private tokens: Token[] = [];
  private last = { text: "", tokens: [] as Token[] };
  private restUntil = 0; /* the length from which slow text is lexed again */

  show(text: string): Token[] {
    if (text === this.last.text) return this.last.tokens;
    if (text.length < this.restUntil && this.last.text !== "" && text.startsWith(this.last.text)) {
      return joined(this.last.tokens, [textToken(text.slice(this.last.text.length))]);
    }
    if (!text.startsWith(this.settled)) {
      this.settled = "";
      this.tokens = [];
    }
    const beganMs = performance.now();
    const tail = text.slice(this.settled.length);
    const closed = closeInline(tail);
    const lexed = lexInline(closed);
    this.restUntil = performance.now() - beganMs > SLOW_MS ? text.length * 1.25 : 0;
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

function textToken(text: string): Token {
  return { type: "text", raw: text, text };
}

/* Two texts that meet become one, as they will be when the whole is lexed. */
function joined(before: readonly Token[], after: readonly Token[]): Token[] {
  const [last, first] = [before.at(-1), after[0]];
  if (last?.type !== "text" || first?.type !== "text") return [...before, ...after];
  return [...before.slice(0, -1), textToken(last.raw + first.raw), ...after.slice(1)];
}

/* ---- closing for display ---- */

interface Mark {
  char: string;
  length: number;
  at: number;
}

/*
 * What a person would expect of text that ends here: marks that are open are closed, a half link is its text, marks that have just begun are left away.
 * One walk over the text; wrong guesses last until the rest comes.
 */
export function closeInline(text: string): string {
  if (!/[*_`~[\\$]/.test(text)) return text;
  const open: Mark[] = [];
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
      const end = findRun(text, at + length, length);
      if (end < 0) return closeCode(text, at, length, open);
      at = end + length;
    } else if (char === "$") {
      const end = mathsEnd(text, at);
      at = end > at ? end : at + 1;
    } else if (char === "[") {
      open.push({ char, length: 1, at });
      at += 1;
    } else if (char === "]") {
      const link = open.map((mark) => mark.char).lastIndexOf("[");
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

function runLength(text: string, at: number): number {
  let end = at + 1;
  while (text.charAt(end) === text.charAt(at)) end += 1;
  return end - at;
}

function findRun(text: string, from: number, length: number): number {
  for (let at = text.indexOf("`", from); at >= 0; at = text.indexOf("`", at)) {
    const found = runLength(text, at);
    if (found === length) return at;
    at += found;
  }
  return -1;
}

function mathsEnd(text: string, at: number): number {
  const rest = text.slice(at, at + MATHS_CHARS_MAX);
  const found = MATHS[0]?.whole.exec(rest) ?? MATHS[1]?.whole.exec(rest);
  return found ? at + found[0].length : -1;
}

function closeCode(text: string, at: number, length: number, open: Mark[]): string {
  const inside = text.slice(at + length).replace(/`+$/, "");
  if (inside.trim() === "") return close(text.slice(0, at), open);
  return close(text.slice(0, at + length) + inside + "`".repeat(length), open);
}

/* The end of `](…)`; at + 1 when it is no link; -1 when it may still become one. */
function linkEnd(text: string, at: number): number {
  if (at + 1 === text.length) return -1;
  if (text.charAt(at + 1) !== "(") return at + 1;
  let depth = 0;
  for (let i = at + 1; i < text.length; i++) {
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
  let closed = text;
  let marks = "";
  for (const mark of [...open].reverse()) {
    if (mark.char !== "[") {
      marks += mark.char.repeat(mark.length);
    } else if (mark.at < closed.length) {
      closed = closed.slice(0, beforeLink(closed, mark.at)) + closed.slice(mark.at + 1);
    }
  }
  return marks === "" ? closed : closed.trimEnd() + marks;
}
