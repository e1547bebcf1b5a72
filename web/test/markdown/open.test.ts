import { describe, expect, it } from "vitest";
import { lexInline } from "../../src/markdown/inline";
import { closeInline } from "../../src/markdown/openInline";
import { createMarkdownStream, parseMarkdown } from "../../src/markdown/stream";
import type { Block } from "../../src/markdown/types";
import { inline, outline } from "./outline";
import { longAnswer } from "./sample";

const shown = (text: string): string => inline(lexInline(closeInline(text)));

function open(text: string): string {
  const stream = createMarkdownStream();
  stream.append(text);
  return outline(stream.blocks());
}

describe("text that is not whole", () => {
  it.each([
    ["some **bold", "some strong(bold)"],
    ["some **bold text ", "some strong(bold text)"],
    ["some **bold*", "some strong(bold)"],
    ["some **bold**", "some strong(bold)"],
    ["some *", "some "],
    ["some **", "some "],
    ["a *b **c", "a em(b strong(c))"],
    ["a `co", "a codespan(co)"],
    ["a ``co`d", "a codespan(co`d)"],
    ["a `", "a "],
    ["**a `co", "strong(a codespan(co))"],
    ["see [the page", "see the page"],
    ["see [the page]", "see the page"],
    ["see [the page](htt", "see the page"],
    ["see [the page](https://a.example/x_(y", "see the page"],
    ["see [the page](https://a.example/x_(y))", "see link<https://a.example/x_(y)>(the page)"],
    ["see ![a pict", "see a pict"],
    ["a **[b](ht", "a strong(b)"],
    ["~~gone", "del(gone)"],
    ["H<", "H"],
    ["H<su", "H"],
    ["H<sub>2", "Hsub(2)"],
    ["**H<sub>2</s", "strong(Hsub(2))"],
    ["x<sup>*n", "xsup(em(n))"],
    ["a < b", "a < b"],
    ["a <b", "a <b"],
    ["2 * 3 and snake_case", "2 * 3 and snake_case"],
    ["it is \\(x + ", "it is"],
    ["$5 and $", "$5 and $"],
    ["a \\", "a "],
  ])("shows %j as %j", (text, expected) => expect(shown(text)).toBe(expected));

  it.each([
    ["```js\nlet a", '… code:js…("let a")'],
    ["```js\nlet a\n``", '… code:js…("let a")'],
    ["```", ""],
    ["| a | b", "… table[](a | b)"],
    ["| a | b |\n|--", "… table[](a | b)"],
    ["| a | b |\n|--|--|\n| 1 | **2", "… table[-,-](a | b / 1 | strong(2))"],
    ["text\n-", "… p(text)"],
    ["text\n---", "… p(text)"],
    ["- a\n-", "… ul(p(a))"],
    ["- a\n- b", "… ul(p(a); p(b))"],
    ["1. a\n2", "… ol@1(p(a))"],
    ["## Head *li", "h2(Head em(li))"],
    ["##", ""],
    ["> quo", "… quote(p(quo))"],
    ["$$\nx +", "… maths…(x +)"],
    ["\\[ x", "… maths…(x)"],
    ["- [", ""],
    ["- [x] do", "… ul([x]p(do))"],
    ["a \u001b[3", "… p(a)"],
    ["a \ud83d", "… p(a)"],
  ])("closes %j", (text, expected) => expect(open(text).replace(/^… h/, "h")).toBe(expected));

  it("hardly ever takes back what it has shown", () => {
    const text = longAnswer(6_000, 5);
    const stream = createMarkdownStream();
    const lengths: number[] = [];
    const taken: string[] = [];
    for (let at = 0; at < text.length; at += 3) {
      stream.append(text.slice(at, at + 3));
      const blocks = stream.blocks();
      if (blocks.length < lengths.length) taken.push(text.slice(at - 20, at + 3));
      for (const block of blocks.slice(-2)) {
        const length = words([block]).length;
        if (length < (lengths[block.key] ?? 0) - 4) taken.push(text.slice(at - 20, at + 3));
        lengths[block.key] = length;
      }
    }
    expect(taken).toEqual([]);
  });

  it("shows nearly all that has come", () => {
    const text = "Some words **of a paragraph** that `goes on` and [leads](https://a.example) somewhere else, in one line without an end";
    const stream = createMarkdownStream();
    for (let at = 0; at < text.length; at++) {
      stream.append(text.charAt(at));
      const shownNow = words(stream.blocks());
      const came = words(parseMarkdown(text.slice(0, at + 1).replace(/\[leads(?:\]\(?[^)]*)?$/, "leads")));
      expect(came.length - shownNow.length).toBeLessThanOrEqual(1);
    }
  });
});

/* The letters alone. */
function words(blocks: readonly Block[]): string {
  return outline(blocks).replace(/link<[^>]*>/g, "").replace(/\b(?:strong|em|codespan)\b|^p|[^\p{L}\p{N}]+/gu, "");
}
