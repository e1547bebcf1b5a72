/*
 * The parser (stream.ts) for who begins before it is there: it is a third of all script and the first view needs none of it, so it is loaded beside that.
 *
 *   loading ──▶ loaded | failed (the text is then shown as it was written)
 *
 * `parser` is a signal: what draws parsed text draws again when the parser has come.
 */
import { signal } from "@preact/signals";
import type { Block, MarkdownStream } from "./types";

type Parser = Pick<typeof import("./stream"), "createMarkdownStream" | "parseMarkdown">;

const parser = signal<Parser | null>(null);
let loading: Promise<void> | null = null;

/* Resolves when text can be drawn, well or as it is. */
export function loadParser(): Promise<void> {
  loading ??= import("./stream").then(
    (loaded) => void (parser.value = loaded),
    () => void (parser.value = { createMarkdownStream: () => new PlainStream(), parseMarkdown: (text) => plain(text) }),
  );
  return loading;
}

/* Whole text; no blocks while the parser is on its way. */
export function parse(text: string): readonly Block[] {
  return parser.value?.parseMarkdown(text) ?? [];
}

export function parserLoaded(): boolean {
  return parser.value !== null;
}

/* As createMarkdownStream(); what comes before the parser is kept for it. */
export function createStream(): MarkdownStream {
  return parser.peek()?.createMarkdownStream() ?? new WaitingStream();
}

class WaitingStream implements MarkdownStream {
  private waiting = "";
  private over = false;
  private stream: MarkdownStream | null = null;

  append(text: string): void {
    const stream = this.begun();
    if (stream) stream.append(text);
    else if (!this.over) this.waiting += text;
  }

  finish(): void {
    this.over = true;
    this.begun()?.finish();
  }

  blocks(): readonly Block[] {
    return this.begun()?.blocks() ?? [];
  }

  private begun(): MarkdownStream | null {
    if (this.stream || !parser.peek()) return this.stream;
    this.stream = createStream();
    this.stream.append(this.waiting);
    this.waiting = "";
    if (this.over) this.stream.finish();
    return this.stream;
  }
}

class PlainStream implements MarkdownStream {
  private text = "";
  append(text: string): void {
    this.text += text;
  }
  finish(): void {}
  blocks(): readonly Block[] {
    return plain(this.text);
  }
}

function plain(text: string): readonly Block[] {
  return text === "" ? [] : [{ key: 0, node: { type: "code", lang: "", parts: [text], closed: true }, open: false }];
}
