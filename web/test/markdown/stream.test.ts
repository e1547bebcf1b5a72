import { describe, expect, it } from "vitest";
import { TABLE_ROWS_MAX } from "../../src/markdown/leaves";
import { LIST_ITEMS_MAX } from "../../src/markdown/scanner";
import { createMarkdownStream, parseMarkdown } from "../../src/markdown/stream";
import type { Block } from "../../src/markdown/types";
import { random, slices } from "../random";
import { outline } from "./outline";

const SAMPLE = `# Title

A paragraph with **bold**, *em*, \`code\` and [a link](https://example.com/a_b).
It goes on.

- one
- two
  - inner \`x\`
  - inner two

    with a paragraph
- three

1. first
2. second
   \`\`\`js
   let a = 1;

   a += 1;
   \`\`\`
3. third

> quoted
> > deeper
lazy

| a | b |
|:--|--:|
| 1 | **2** |
| 3 \\| 4 | 5 |

$$
x^2 + y^2
$$

Inline $a+b$ and \\(c\\), costs $5 and $6.

\`\`\`python
def f():

    return "x"
\`\`\`

- [ ] open
- [x] done

Setext
======

    indented

    code

***
the end`;

const whole = (text: string): string => outline(parseMarkdown(text));

describe("blocks", () => {
  it("knows what Markdown has", () => {
    expect(whole(SAMPLE)).toMatchInlineSnapshot(`
      "h1(Title)
      p(A paragraph with strong(bold), em(em), codespan(code) and link<https://example.com/a_b>(a link).
      It goes on.)
      ul(p(one); p(two) ul~(p(inner codespan(x)); p(inner two) p(with a paragraph)); p(three))
      ol@1(p(first); p(second) code:js("let a = 1;\\n\\na += 1;"); p(third))
      quote(p(quoted) quote(p(deeper
      lazy)))
      table[left,right](a | b / 1 | strong(2) / 3 | 4 | 5)
      maths(x^2 + y^2)
      p(Inline maths(a+b) and maths(c), costs $5 and $6.)
      code:python("def f():\\n\\n    return \\"x\\"")
      ul([ ]p(open); [x]p(done))
      h1(Setext)
      code:("indented\\n\\ncode")
      rule
      p(the end)"
    `);
  });
});

describe("environments of maths", () => {
  it.each([
    ["text\n\\begin{align}\na &= b \\\\\n &= c\n\\end{align}\nmore", "p(text)\nmaths(\\begin{align}a &= b \\\\\n &= c\n\\end{align})\np(more)"],
    ["\\begin{pmatrix} 1 \\end{pmatrix}", "maths(\\begin{pmatrix} 1 \\end{pmatrix})"],
    ["\\begin{array}{cc}1 & 2\n\\end{array}", "maths(\\begin{array}{cc}1 & 2\n\\end{array})"],
    ["\\begin{equation*}\nx", "maths…(\\begin{equation*}x)"],
    ["\\begin{cases} a \\end{cases} and so on", "p(\\begin{cases} a \\end{cases} and so on)"],
    ["\\begin{document}\nx", "p(\\begin{document}\nx)"],
  ])("reads %j", (text, expected) => expect(whole(text)).toBe(expected));
});

const PIECES = [
  "# h\n", "text ", "**b", "**", "*", "`", "```\n", "~~~js\n", "- ", "  - ", "1. ", "2) ", "> ", ">> ", "\n", "\n\n", "\r\n", "    ", "\t", "| a | b |\n", "|--|:-:|\n", "| 1 |", "---\n",
  "===\n", "$$\n", "$x$", "\\[", "\\]", "\\(", "[a](", "http://x.y/z)", "![p](q)", "<b>", "<sub>", "</sub>", "\\begin{align}", "\\end{align}\n", "- [ ] ", "- [x] t", "\u001b[31m", "\ud83d\ude42", "\ud800", "***\n", "\\", "漢字", "- \n",
];

describe("arrival", () => {
  it("depends on the text alone, whatever it is and whenever it is drawn", () => {
    for (let seed = 1; seed <= 400; seed++) {
      const chance = random(seed);
      const text = Array.from({ length: 5 + Math.floor(chance() * 60) }, () => PIECES[Math.floor(chance() * PIECES.length)]).join("");
      const stream = createMarkdownStream();
      for (const slice of slices(text, chance, 5)) {
        stream.append(slice);
        if (chance() < 0.7) stream.blocks();
      }
      stream.finish();
      expect(outline(stream.blocks()), JSON.stringify(text)).toBe(whole(text));
    }
  }, 60_000);

  it("gives the same blocks however the text is sliced", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const stream = createMarkdownStream();
      for (const slice of slices(SAMPLE, random(seed))) {
        stream.append(slice);
        if (seed % 2) stream.blocks();
      }
      stream.finish();
      expect(outline(stream.blocks())).toBe(whole(SAMPLE));
    }
  });

  it("keeps the objects of finished blocks", () => {
    const stream = createMarkdownStream();
    const seen = new Map<number, unknown>();
    for (const slice of slices(SAMPLE, random(7))) {
      stream.append(slice);
      for (const block of stream.blocks()) {
        if (block.open) continue;
        if (seen.has(block.key)) expect(seen.get(block.key)).toBe(block);
        seen.set(block.key, block);
      }
    }
    expect(seen.size).toBeGreaterThan(10);
  });
});


describe("what is too long for one block", () => {
  const lines = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => line(i)).join("\n");

  /* Sliced and drawn, it is what it is as a whole. */
  function arrived(text: string): readonly Block[] {
    const chance = random(11);
    const stream = createMarkdownStream();
    for (const slice of slices(text, chance, 40)) {
      stream.append(slice);
      if (chance() < 0.3) stream.blocks();
    }
    stream.finish();
    expect(outline(stream.blocks())).toBe(whole(text));
    return stream.blocks();
  }

  it("goes on as another table below the same header", () => {
    const blocks = arrived(`| a | b |\n|--:|---|\n${lines(2 * TABLE_ROWS_MAX + 1, (i) => `| ${i} | *x* |`)}\n\nthe end`);
    const tables = blocks.map(({ node }) => node).filter((node) => node.type === "table");
    expect(tables.map(({ rows }) => rows.flat().length)).toEqual([TABLE_ROWS_MAX, TABLE_ROWS_MAX, 1]);
    for (const { header, align } of tables) expect([header, align]).toEqual([tables[0]?.header, ["right", null]]);
  });

  it("goes on as another list with its numbers and its room", () => {
    const blocks = arrived(`3. first\n\n${lines(2 * LIST_ITEMS_MAX, () => "1. more")}\n\nthe end`);
    const lists = blocks.map(({ node }) => node).filter((node) => node.type === "list");
    expect(lists.map(({ start, loose, continues, items }) => [start, loose, continues, items.flat().length])).toEqual([
      [3, true, false, LIST_ITEMS_MAX],
      [3 + LIST_ITEMS_MAX, true, true, LIST_ITEMS_MAX],
      [3 + 2 * LIST_ITEMS_MAX, true, true, 1],
    ]);
  });

  it("goes on inside of others too", () => {
    const [block] = arrived(`> - a\n${lines(LIST_ITEMS_MAX + 2, (i) => `>   - ${i}`)}\n`);
    const list = block?.node.type === "quote" ? block.node.children.flat()[0] : undefined;
    const inside = list?.type === "list" ? (list.items.flat()[0]?.children.flat() ?? []) : [];
    expect(inside.map((node) => (node.type === "list" ? node.items.flat().length : node.type))).toEqual(["paragraph", LIST_ITEMS_MAX, 2]);
  });

  it("is drawn of parts of whole lines, of code", () => {
    const text = lines(3_000, (i) => (i % 7 === 0 ? "" : `line ${i}`)).trim();
    const [block] = arrived("```\n" + text + "\n```");
    const parts = block?.node.type === "code" ? block.node.parts : [];
    expect(parts.length).toBeGreaterThan(5);
    expect(parts.slice(0, -1).every((part) => part.endsWith("\n"))).toBe(true);
    expect(parts.join("")).toBe(text);
  });
});
