/*
 * What the inline lexers see ahead of them, and what that costs.
 */
const MATHS_CHARS_MAX = 2000;

/* How many characters have been looked at: the tests hold it against the text's length. */
export const work = { chars: 0 };

export function runLength(text: string, at: number): number {
  let end = at + 1;
  while (text.charAt(end) === text.charAt(at)) end += 1;
  return end - at;
}

export interface MathsSpan {
  end: number;
  text: string;
  display: boolean;
}

/*
 * Looks ahead in one text, from places that only move forward. What has been found is remembered until it is passed, and what is nowhere is not looked for
 * again: all looks for one thing cost one walk.
 */
export class Ahead {
  private readonly found = new Map<string, number>();
  private runs: Map<number, number[]> | null = null;
  private dollar = -1; /* the last place of a sign that is not escaped, and the place behind what has been looked at for it */
  private dollarFrom = 0;

  constructor(private readonly text: string) {}

  /* Where `what` is next, from `from` on; -1: nowhere. */
  find(what: string, from: number): number {
    const known = this.found.get(what);
    if (known !== undefined && (known < 0 || known >= from)) return known;
    const at = this.text.indexOf(what, from);
    work.chars += (at < 0 ? this.text.length : at) - from;
    this.found.set(what, at);
    return at;
  }

  /* Where a run of exactly `length` backticks is next. */
  backticks(length: number, from: number): number {
    this.runs ??= this.allRuns();
    const places = this.runs.get(length) ?? [];
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places[middle] as number) < from) low = middle + 1;
      else high = middle;
    }
    return places[low] ?? -1;
  }

  /* The maths that begins at `at`; null: none. `$…$` is maths only where it cannot be money: no space inside the signs, no digit after them. */
  maths(at: number): MathsSpan | null {
    const { text } = this;
    const sign = text.charAt(at + 1);
    if (text.charAt(at) === "\\") {
      const end = sign === "(" || sign === "[" ? this.find(sign === "(" ? "\\)" : "\\]", at + 3) : -1;
      return end < 0 || end > at + MATHS_CHARS_MAX ? null : { end: end + 2, text: text.slice(at + 2, end), display: sign === "[" };
    }
    const display = sign === "$";
    const from = at + (display ? 2 : 1);
    const end = this.nextDollar(from);
    if (end <= from || end > at + MATHS_CHARS_MAX) return null;
    const inside = text.slice(from, end);
    if (display) return text.charAt(end + 1) === "$" ? { end: end + 2, text: inside, display } : null;
    if (/^\s|\s$|\n/.test(inside) || /[\d$]/.test(text.charAt(end + 1))) return null;
    return { end: end + 1, text: inside, display };
  }

  private nextDollar(from: number): number {
    if (this.dollar >= from) return this.dollar;
    let at = Math.max(from, this.dollarFrom);
    const began = at;
    while (at < this.text.length && this.text.charAt(at) !== "$") at += this.text.charAt(at) === "\\" ? 2 : 1;
    work.chars += at - began;
    this.dollarFrom = at;
    this.dollar = at < this.text.length ? at : -1;
    return this.dollar;
  }

  /* The places of each length, in order. */
  private allRuns(): Map<number, number[]> {
    const runs = new Map<number, number[]>();
    for (const { 0: run, index } of this.text.matchAll(/`+/g)) {
      const places = runs.get(run.length);
      if (places) places.push(index);
      else runs.set(run.length, [index]);
    }
    work.chars += this.text.length;
    return runs;
  }
}
