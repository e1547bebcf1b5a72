import { describe, expect, it } from "vitest";
import { closeInline, lexInline } from "../../src/markdown/inline";
import { createMarkdownStream } from "../../src/markdown/stream";
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
    const text = longAnswer(12_000, 5);
    const stream = createMarkdownStream();
    let before = "";
    let taken = 0;
    for (let at = 0; at < text.length; at += 3) {
      stream.append(text.slice(at, at + 3));
      const now = plain(outline(stream.blocks()));
      if (!now.startsWith(before.slice(0, -4))) taken += 1;
      before = now;
    }
    expect(taken / (text.length / 3)).toBeLessThan(0.02);
  });
});

/* The words alone: marks, names of nodes and brackets left away. */
function plain(outlined: string): string {
  return outlined.replace(/link<[^>]*>/g, "").replace(/\b(?:strong|em|codespan|del|maths|quote|table|code|rule|ul|ol|h\d|p)\b[~…+]?|@\d+|:python|\[[-a-z,]*\]|\\n|[^\p{L}\p{N}]+/gu, "");
}
