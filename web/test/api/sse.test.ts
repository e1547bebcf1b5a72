import { describe, expect, it } from "vitest";
import { LINE_CHARS_MAX, SseReader } from "../../src/api/sse";
import { byteSlices, random } from "../random";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function read(parts: Iterable<Uint8Array>): { heard: string[]; dropped: number } {
  const heard: string[] = [];
  const reader = new SseReader({
    event: (event) => heard.push(`${event.id ?? "-"}|${event.name}|${event.data}`),
    comment: (text) => heard.push(`#${text}`),
  });
  for (const part of parts) reader.push(part);
  return { heard, dropped: reader.dropped };
}

describe("event streams", () => {
  it("reads fields, comments and all ends of lines", () => {
    const text = "\ufeff: hello\n:x\nid: 1\ndata: a\ndata:b\n\nevent: odd\r\ndata\r\n\r\nid: 2\rdata:  c\r\rid:3\n\nfoo: x\ndata: d\nid: a\0b\n\ndata: lost";
    expect(read([bytes(text)]).heard).toEqual(["#hello", "#x", "1||a\nb", "-|odd|", "2|| c", "-||d"]);
  });

  it("reads the same however the bytes are cut", () => {
    const text = ": keep-alive waiting=3 estimate_ms=10\r\n\r\nid: 1\r\ndata: {\"x\":\"漢字 🙂 é\"}\r\n\r\n: admitted\n\nid: 2\rdata: b\r\rdata: [DONE]\n\n";
    const whole = read([bytes(text)]).heard;
    expect(whole.length).toBe(5);
    for (let seed = 0; seed < 200; seed++) expect(read(byteSlices(bytes(text), random(seed), 1 + (seed % 7))).heard).toEqual(whole);
  });

  it("replaces what is not UTF-8", () => {
    expect(read([new Uint8Array([...bytes("data: a"), 0xff, 0xc3, 0x28, 10, 10])]).heard).toEqual(["-||a\ufffd\ufffd("]);
  });

  it("reads an event of a megabyte in small pieces, and leaves out one without an end", () => {
    const large = bytes(`data: ${"x".repeat(1 << 20)}\n\n`);
    expect(read(byteSlices(large, random(1), 4000)).heard[0]?.length).toBe((1 << 20) + 3);
    const endless = read([bytes("data: "), ...Array.from({ length: 5 }, () => bytes("x".repeat(LINE_CHARS_MAX / 4))), bytes("\n\ndata: y\n\n")]);
    expect(endless).toEqual({ heard: ["-||y"], dropped: 1 });
  });
});
