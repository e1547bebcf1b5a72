/*
 * Pairs the marks of emphasis (CommonMark 0.31, "process emphasis"; of GFM's strikethrough only runs of the same length pair).
 *
 * Tokens and runs of marks come in their order. A run that can close looks for the nearest one on the stack that it closes; what lies between them closes
 * nothing any more. Below the bottom of its kind nothing has fitted before, so no place of the stack is looked at twice for one kind.
 */
import { runLength, work } from "./ahead";
import { textToken } from "./tokens";
import type { Token } from "./types";

const RUN_CHARS_MAX = 15; /* a longer one is text */

interface Run {
  char: string;
  at: number;
  length: number;
  opens: boolean; /* it can */
  closes: boolean;
  left: number; /* marks that are not in a pair */
  begun: number[]; /* pairs that begin here, the innermost first, and the marks of each */
  ended: number[];
}

interface Frame {
  type: Token["type"];
  from: number;
  tokens: Token[];
}

export class Emphasis {
  private readonly pieces: (Token | Run)[] = [];
  private readonly stack: Run[] = [];
  private readonly bottoms = new Map<string, number>();

  constructor(private readonly text: string) {}

  /* Of the pieces so far. */
  get length(): number {
    return this.pieces.length;
  }

  push(token: Token): void {
    this.pieces.push(token);
  }

  /* `length` of the same mark at `at`: "*", "_" or "~". */
  mark(at: number, length: number): void {
    const run = this.runAt(at, length);
    this.pieces.push(run);
    while (run.closes && run.left > 0) {
      const opener = this.openerOf(run);
      if (!opener) break;
      const used = run.char === "~" ? run.length : Math.min(2, opener.left, run.left);
      opener.left -= used;
      run.left -= used;
      opener.begun.push(used);
      run.ended.push(used);
      if (opener.left === 0) this.cutStack(this.stack.length - 1);
    }
    if (run.opens && run.left > 0) this.stack.push(run);
  }

  /* Would a mark that stands at `at` end something? Bare addresses end before it. */
  closesAt(at: number): boolean {
    const char = this.text.charAt(at);
    if (!/[*_~]/.test(char)) return false;
    work.chars += this.stack.length;
    return this.stack.some((run) => run.char === char) && this.runAt(at, runLength(this.text, at)).closes;
  }

  tokens(): Token[] {
    const root: Frame = { type: "text", from: 0, tokens: [] };
    const frames = [root];
    const add = (token: Token): void => {
      const { tokens } = frames.at(-1) as Frame;
      const last = tokens.at(-1);
      if (last?.type === "text" && token.type === "text") tokens[tokens.length - 1] = textToken(last.raw + token.raw);
      else tokens.push(token);
    };
    for (const piece of this.pieces) {
      if ("raw" in piece) {
        add(piece);
        continue;
      }
      let { at } = piece;
      for (const marks of piece.ended) {
        at += marks;
        const { type, from, tokens } = frames.pop() as Frame;
        add({ type, raw: this.text.slice(from, at), text: this.text.slice(from + marks, at - marks), tokens });
      }
      if (piece.left > 0) add(textToken(piece.char.repeat(piece.left)));
      at += piece.left;
      for (const marks of piece.begun.reverse()) {
        frames.push({ type: piece.char === "~" ? "del" : marks === 2 ? "strong" : "em", from: at, tokens: [] });
        at += marks;
      }
    }
    return root.tokens;
  }

  private openerOf(run: Run): Run | null {
    const kind = `${run.char}${run.opens}${run.char === "~" ? run.length : run.length % 3}`;
    const bottom = this.bottoms.get(kind) ?? 0;
    for (let at = this.stack.length - 1; at >= bottom; at--) {
      const opener = this.stack[at] as Run;
      work.chars += 1;
      if (!fits(opener, run)) continue;
      this.cutStack(at + 1);
      return opener;
    }
    this.bottoms.set(kind, this.stack.length);
    return null;
  }

  private cutStack(length: number): void {
    this.stack.length = length;
    for (const [kind, bottom] of this.bottoms) this.bottoms.set(kind, Math.min(bottom, length));
  }

  private runAt(at: number, length: number): Run {
    const char = this.text.charAt(at);
    const pair = /[\udc00-\udfff]/.test(this.text.charAt(at - 1)) ? 2 : 1;
    const before = this.text.slice(Math.max(0, at - pair), at);
    const after = this.text.slice(at + length, at + length + 2);
    return { char, at, length, ...sides(char, length, before, after), left: length, begun: [], ended: [] };
  }
}

/* "Left-flanking" and "right-flanking" of the specification; of `before` and `after` the first character counts. */
function sides(char: string, length: number, before: string, after: string): { opens: boolean; closes: boolean } {
  if (length > RUN_CHARS_MAX) return { opens: false, closes: false };
  if (char === "~") return { opens: length < 3 && !isSpace(after), closes: length < 3 && !isSpace(before) };
  const left = !isSpace(after) && (!isPunctuation(after) || isSpace(before) || isPunctuation(before));
  const right = !isSpace(before) && (!isPunctuation(before) || isSpace(after) || isPunctuation(after));
  if (char === "*") return { opens: left, closes: right };
  return { opens: left && (!right || isPunctuation(before)), closes: right && (!left || isPunctuation(after)) };
}

const isSpace = (text: string): boolean => text === "" || /^\s/.test(text);
const isPunctuation = (text: string): boolean => /^(?!~)[\p{P}\p{S}]/u.test(text);

/* The specification's rule of three, for runs that could be both. */
function fits(opener: Run, closer: Run): boolean {
  if (opener.char !== closer.char) return false;
  if (opener.char === "~") return opener.length === closer.length;
  if (!opener.closes && !closer.opens) return true;
  return (opener.length + closer.length) % 3 !== 0 || (opener.length % 3 === 0 && closer.length % 3 === 0);
}
