/*
 * The reader of event streams (WHATWG HTML, section 9.2), fed with the bytes of a fetch body.
 *
 * Bytes come in any slices, also in the middle of a character or between CR and LF; the events that go out are the same. Invalid UTF-8 becomes U+FFFD and
 * a byte order mark at the beginning is passed over. Comments are delivered, since the door speaks through them while one waits. What ends without an
 * empty line is no event and is not delivered: who returns for it gets it whole.
 *
 * A line beyond LINE_CHARS_MAX, or an event beyond EVENT_CHARS_MAX, is left out and counted in `dropped`. Work is linear in the bytes.
 */

export const LINE_CHARS_MAX = 4 * 1024 * 1024;
export const EVENT_CHARS_MAX = 8 * 1024 * 1024;

export interface SseEvent {
  id: string | null; /* of this event itself; null: it has none */
  name: string; /* "" unless the event has a name */
  data: string;
}

export interface SseSink {
  event(event: SseEvent): void;
  comment(text: string): void;
}

export class SseReader {
  dropped = 0;
  private readonly decoder = new TextDecoder("utf-8");
  private line = "";
  private lineTooLong = false;
  private afterCr = false;
  private id: string | null = null;
  private name = "";
  private data: string[] = [];
  private dataChars = 0;
  private eventTooLarge = false;

  constructor(private readonly sink: SseSink) {}

  push(bytes: Uint8Array): void {
    const text = this.decoder.decode(bytes, { stream: true });
    let from = 0;
    if (this.afterCr && text.length > 0) {
      this.afterCr = false;
      if (text.charCodeAt(0) === 10) from = 1;
    }
    const ends = /[\r\n]/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.extend(text.slice(from, end.index));
      this.endLine();
      from = end.index + 1;
      if (end[0] === "\r") {
        if (from === text.length) this.afterCr = true;
        else if (text.charCodeAt(from) === 10) from += 1;
      }
      ends.lastIndex = from;
    }
    this.extend(text.slice(from));
  }

  private extend(piece: string): void {
    if (this.lineTooLong) return;
    if (this.line.length + piece.length > LINE_CHARS_MAX) {
      this.lineTooLong = true;
      this.line = "";
    } else {
      this.line += piece;
    }
  }

  private endLine(): void {
    const line = this.line;
    this.line = "";
    if (this.lineTooLong) {
      this.lineTooLong = false;
      this.eventTooLarge = true;
    } else if (line === "") {
      this.dispatch();
    } else if (line.startsWith(":")) {
      this.sink.comment(line.slice(line.startsWith(": ") ? 2 : 1));
    } else {
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + (line.charAt(colon + 1) === " " ? 2 : 1));
      this.field(field, value);
    }
  }

  private field(field: string, value: string): void {
    if (field === "data") {
      this.dataChars += value.length + 1;
      if (this.dataChars > EVENT_CHARS_MAX) this.eventTooLarge = true;
      else this.data.push(value);
    } else if (field === "id") {
      if (!value.includes("\0")) this.id = value;
    } else if (field === "event") {
      this.name = value;
    }
  }

  private dispatch(): void {
    const event = { id: this.id, name: this.name, data: this.data.join("\n") };
    const whole = this.data.length > 0 && !this.eventTooLarge;
    if (this.eventTooLarge) this.dropped += 1;
    this.id = null;
    this.name = "";
    this.data = [];
    this.dataChars = 0;
    this.eventTooLarge = false;
    if (whole) this.sink.event(event);
  }
}
