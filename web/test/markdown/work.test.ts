import { describe, expect, it } from "vitest";
import { work } from "../../src/markdown/ahead";
import { lexInline } from "../../src/markdown/inline";
import { closeInline } from "../../src/markdown/openInline";
import { createMarkdownStream, parseMarkdown } from "../../src/markdown/stream";
import { random } from "../random";
import { crafted } from "./crafted";
import { longAnswer, tokens } from "./sample";

/* Characters that the lexer has looked at for each that came, when a frame is drawn after every token of four characters. */
function lexedPerChar(text: string): number {
  const stream = createMarkdownStream();
  const before = work.chars;
  for (const token of tokens(text)) {
    stream.append(token);
    stream.blocks();
  }
  stream.finish();
  return (work.chars - before) / text.length;
}

const lines = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join("\n");

describe("work", () => {
  it("is linear in the text when it is finished", () => {
    const text = longAnswer(200_000);
    const before = work.chars;
    parseMarkdown(text);
    expect((work.chars - before) / text.length).toBeLessThan(2);
  });

  it.each([
    ["an answer of everything", longAnswer(40_000), 15],
    ["a fence of 5,000 lines", "```js\n" + lines(5000, (i) => `let a${i} = ${i};`), 0.1],
    ["a table of 2,000 rows", "| a | b | c |\n|---|---|---|\n" + lines(2000, (i) => `| row ${i} | some words | **${i}** |`), 15],
    ["a list of 1,000 items", lines(1000, (i) => `- item ${i} has *some* words in it`), 15],
    ["a list in a list in a list", "- a\n  - b\n" + lines(1000, (i) => `    - item ${i} has words in it\n      that go on`), 15],
    ["a fence in a list", "1. do this:\n\n   ```sh\n" + lines(3000, (i) => `   echo ${i}`) + "\n   ```\n", 0.1],
    ["a quote of 1,000 lines", lines(1000, (i) => `> ${i} said in so many words\n>`), 15],
    ["a paragraph without an end", lines(2000, (i) => `line ${i} of it`), 15],
    ["a line of 60,000 characters", "words and words ".repeat(4_000), 15],
  ])("is bounded for %s", (_, text, most) => {
    expect(lexedPerChar(text)).toBeLessThan(most);
  }, 60_000);
});

/* Of whole and of open text, for each character: as many as may be looked at for the end of a tag. */
const LOOKS_MAX = 512;

describe("a crafted paragraph", () => {
  const looks = (text: string): number => {
    const before = work.chars;
    lexInline(text);
    lexInline(closeInline(text));
    return work.chars - before;
  };

  it.each(crafted)("of %s is lexed in linear time", (_, text) => {
    const once = looks(text);
    expect(once / text.length).toBeLessThan(LOOKS_MAX);
    expect(looks(text + text)).toBeLessThan(2.5 * once);
  });

  it("of chance is lexed in linear time", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const chance = random(seed);
      const unit = Array.from({ length: 1 + Math.floor(chance() * 5) }, () => MARKS[Math.floor(chance() * MARKS.length)]).join("");
      const text = unit.repeat(Math.ceil(4_000 / unit.length));
      expect(looks(text) / text.length, JSON.stringify(unit)).toBeLessThan(LOOKS_MAX);
      expect(lexInline(text).map(({ raw }) => raw).join(""), JSON.stringify(unit)).toBe(text);
    }
  });
});

const MARKS = ["*", "**", "_", "~~", "[", "]", "](", "(", ")", "!", "<", ">", "</", "<!--", "`", "``", "\\", "\\(", "\\)", "$", "$$", "&", "@", ".", "a", "b ", " ", "\n", "\"", "'", "=", ":", "http://", "www.", "漢"];

describe("a line without a space", () => {
  it("of a megabyte is cut into pieces, the same ones however it came", () => {
    const text = "x".repeat(1 << 20);
    const whole = parseMarkdown(text);
    expect(whole.length).toBe(256);
    const stream = createMarkdownStream();
    for (let at = 0; at < text.length; at += 1000) stream.append(text.slice(at, at + 1000));
    stream.finish();
    expect(stream.blocks().map((block) => block.node)).toEqual(whole.map((block) => block.node));
  });
});
