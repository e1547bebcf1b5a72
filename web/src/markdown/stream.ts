/*
 * The stream of types.ts: text in, blocks out. Lines go to the scanner as they end; the last, half line is tried on it for display and taken back.
 *
 * A line beyond LINE_CHARS_MAX goes on as pieces, cut at a space where there is one; so a line of any length costs no more than lines of ordinary length.
 * Which blocks come out depends on the text alone, never on how it was sliced.
 */
import { clean, cleanHalf } from "./clean";
import { Scanner } from "./scanner";
import type { Block, BlockNode, MarkdownStream } from "./types";

export const LINE_CHARS_MAX = 4096;
const LINE_CUT_FROM = 3072;

export function createMarkdownStream(): MarkdownStream {
  return new Stream();
}

/* Whole text, as of an old message. */
export function parseMarkdown(text: string): readonly Block[] {
  const stream = new Stream();
  stream.append(text);
  stream.finish();
  return stream.blocks();
}

class Stream implements MarkdownStream {
  private readonly finished: Block[] = [];
  private trial: Block[] | null = null; /* what a half line would finish */
  private readonly scanner = new Scanner((node) => this.take(node));
  private half = "";
  private continues = false; /* the half line is the rest of a long one */
  private over = false;

  append(text: string): void {
    if (this.over) return;
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.extend(text.slice(from, end));
      this.endLine();
      from = end + 1;
    }
    this.extend(text.slice(from));
  }

  finish(): void {
    if (this.over) return;
    this.over = true;
    if (this.half !== "") this.endLine();
    this.scanner.finish();
  }

  blocks(): readonly Block[] {
    if (this.over) return this.finished.slice();
    const mark = this.scanner.mark();
    this.trial = [];
    const half = cleanHalf(this.half);
    if (half.trim() !== "" && (this.continues || !this.scanner.isHalfMark(half))) this.scanner.line(half, this.continues, true);
    const shown = [...this.finished, ...this.trial];
    const node = this.scanner.openNode();
    if (node) shown.push({ key: shown.length, node, open: true });
    this.trial = null;
    this.scanner.takeBack(mark);
    return shown;
  }

  private take(node: BlockNode): void {
    const list = this.trial ?? this.finished;
    const key = this.finished.length + (this.trial?.length ?? 0);
    list.push({ key, node, open: this.trial !== null });
  }

  private extend(piece: string): void {
    if (this.half.length + piece.length <= LINE_CHARS_MAX) {
      this.half += piece;
      return;
    }
    const text = this.half + piece;
    let from = 0;
    while (text.length - from > LINE_CHARS_MAX) {
      const cut = cutOf(text, from);
      this.half = text.slice(from, cut);
      this.endLine();
      this.continues = true;
      from = cut;
    }
    this.half = text.slice(from);
  }

  private endLine(): void {
    const line = clean(this.half.endsWith("\r") ? this.half.slice(0, -1) : this.half);
    this.half = "";
    const continues = this.continues;
    this.continues = false;
    if (!continues || line !== "") this.scanner.line(line, continues);
  }
}

/* Never between the halves of a pair. */
function cutOf(text: string, from: number): number {
  const space = text.lastIndexOf(" ", from + LINE_CHARS_MAX - 1);
  if (space >= from + LINE_CUT_FROM) return space + 1;
  const cut = from + LINE_CHARS_MAX;
  return /[\ud800-\udbff]/.test(text.charAt(cut - 1)) ? cut - 1 : cut;
}
