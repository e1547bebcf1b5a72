/*
 * Tells reasoning from answer where a model writes `<think>…</think>` at the beginning of its text.
 *
 * One piece in, at most two out. A piece that may end inside a tag is held back whole, together with what follows, until it is decided; so what came out
 * always ends where a piece ended, and an answer can be resumed there. Held back are at most HELD_CHARS_MAX characters.
 */

const OPEN = "<think>";
const CLOSE = "</think>";
const HELD_CHARS_MAX = 4096;

export interface Split {
  reasoning: string;
  text: string;
}

type Mode = "start" | "inside" | "after" | "text";

export class ThinkSplitter {
  private held = "";
  private mode: Mode;

  constructor(mode: "start" | "inside" | "text") {
    this.mode = mode;
  }

  get inside(): boolean {
    return this.mode === "inside";
  }

  /* Whether a piece is held back: then nothing of it has come out. */
  get holds(): boolean {
    return this.held !== "";
  }

  push(piece: string): Split {
    const whole = this.held + piece;
    this.held = "";
    return this.split(whole, false);
  }

  /* No more comes: what is held is what it looks like. */
  end(): Split {
    const whole = this.held;
    this.held = "";
    return this.split(whole, true);
  }

  private split(whole: string, last: boolean): Split {
    const out: Split = { reasoning: "", text: "" };
    let rest = whole;
    if (this.mode === "start") {
      const trimmed = rest.trimStart();
      if (!last && OPEN.startsWith(trimmed) && trimmed !== OPEN && rest.length <= HELD_CHARS_MAX) return this.hold(whole, out);
      if (trimmed.startsWith(OPEN)) {
        this.mode = "inside";
        rest = trimmed.slice(OPEN.length).trimStart();
      } else {
        this.mode = "text";
      }
    }
    if (this.mode === "inside") {
      const close = rest.indexOf(CLOSE);
      if (close < 0) {
        if (!last && endsInPartOf(rest, CLOSE) && rest.length <= HELD_CHARS_MAX) return this.hold(rest, out);
        out.reasoning = rest;
        return out;
      }
      out.reasoning = rest.slice(0, close);
      rest = rest.slice(close + CLOSE.length);
      this.mode = "after";
    }
    if (this.mode === "after") {
      rest = rest.trimStart();
      if (rest !== "") this.mode = "text";
    }
    out.text = rest;
    return out;
  }

  private hold(rest: string, out: Split): Split {
    this.held = rest;
    return out;
  }
}

function endsInPartOf(text: string, tag: string): boolean {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(tag.slice(0, length))) return true;
  }
  return false;
}
