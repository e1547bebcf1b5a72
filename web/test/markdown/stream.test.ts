import { describe, expect, it } from "vitest";
import { createMarkdownStream, parseMarkdown } from "../../src/markdown/stream";
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

const PIECES = [
  "# h\n", "text ", "**b", "**", "*", "`", "```\n", "~~~js\n", "- ", "  - ", "1. ", "2) ", "> ", ">> ", "\n", "\n\n", "\r\n", "    ", "\t", "| a | b |\n", "|--|:-:|\n", "| 1 |", "---\n",
  "===\n", "$$\n", "$x$", "\\[", "\\]", "\\(", "[a](", "http://x.y/z)", "![p](q)", "<b>", "- [ ] ", "- [x] t", "\u001b[31m", "\ud83d\ude42", "\ud800", "***\n", "\\", "漢字", "- \n",
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

