/*
 * A growing answer for who hears it: whole sentences, not tokens. Text comes in as it arrives; take() gives what can be said now, at most ANNOUNCE_CHARS_MAX
 * at a time, and leaves the half sentence for later. Code is named, not read out. Linear in the text.
 */
export const ANNOUNCE_CHARS_MAX = 600;
const SENTENCE_END = /[.!?…](?=\s)|[。！？]|\n/g;
const FENCE = /^\s{0,3}(`{3,}|~{3,})/;

export class Announcer {
  private half = "";
  private ready = "";
  private inCode = false;
  private lineStart = true;

  constructor(private readonly codeWords: () => string) {}

  push(text: string): void {
    this.half += text;
    let from = 0;
    SENTENCE_END.lastIndex = 0;
    for (let end = SENTENCE_END.exec(this.half); end; end = SENTENCE_END.exec(this.half)) {
      const to = end.index + end[0].length;
      this.sentence(this.half.slice(from, to));
      from = to;
    }
    this.half = this.half.slice(from);
    if (this.half.length > ANNOUNCE_CHARS_MAX) {
      this.sentence(this.half);
      this.half = "";
    }
  }

  finish(): void {
    this.sentence(this.half);
    this.half = "";
  }

  /* "" when there is no whole sentence yet. */
  take(): string {
    const now = this.ready.slice(0, ANNOUNCE_CHARS_MAX);
    this.ready = this.ready.slice(now.length);
    return now.replace(/\s+/g, " ").trim();
  }

  private sentence(piece: string): void {
    if (this.lineStart && FENCE.test(piece)) {
      this.inCode = !this.inCode;
      if (this.inCode) this.ready += ` ${this.codeWords()} `;
    } else if (!this.inCode) {
      this.ready += piece.replace(/[*_`#>|]+/g, "").replace(/\s+/g, " ");
    }
    this.lineStart = piece.endsWith("\n");
  }
}
