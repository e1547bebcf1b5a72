// @vitest-environment jsdom
import { render } from "preact";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Question } from "../../src/markdown/highlight";
import { answerTo, RUNS_MAX } from "../../src/markdown/highlightWorker";
import { createMarkdownStream, parseMarkdown } from "../../src/markdown/stream";
import type { MarkdownLabels } from "../../src/markdown/types";
import { AT_ONCE } from "../../src/markdown/maths";
import { MarkdownView } from "../../src/markdown/view";
import { random, slices } from "../random";

const LABELS: MarkdownLabels = {
  copy: "Copy", copied: "Copied", copyFailed: "Not copied", code: "Code", table: "Table", picture: "Picture, not loaded", leadsTo: "leads to",
  brokenMaths: "formula with a mistake", taskDone: "done", taskOpen: "open",
};

let root: HTMLElement;
beforeEach(() => {
  document.body.replaceChildren();
  root = document.body.appendChild(document.createElement("div"));
});

function draw(text: string): HTMLElement {
  render(<MarkdownView blocks={parseMarkdown(text)} labels={LABELS} />, root);
  return root;
}

describe("hostile text", () => {
  it.each([
    ["<script>alert(1)</script>"],
    ["<img src=x onerror=alert(1)>"],
    ["<svg><script>alert(1)</script></svg>"],
    ["<a href='javascript:alert(1)'>x</a>"],
    ["<style>*{display:none}</style><iframe src=//evil.example></iframe>"],
    ["a <b onmouseover=alert(1)>b</b> | c"],
    ["|<img src=x>|\n|-|\n|<script>1</script>|"],
    ["$<img src=x>$ and $\\href{javascript:alert(1)}{x}$ \\(\\includegraphics{http://evil.example/x.png}\\)"],
    ["```html\n<script>alert(1)</script>\n```"],
  ])("shows %s as text", (text) => {
    draw(text);
    expect(root.querySelector("script,img,svg,style,iframe,object,embed,form,input")).toBeNull();
    for (const element of root.querySelectorAll("*")) {
      for (const { name } of [...element.attributes]) expect(name).not.toMatch(/^on|^src|^style$/);
    }
  });

  it.each([
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", " javascript:alert(1)", "javascript&colon;alert(1)", "&#106;avascript:alert(1)",
    "&#x6A;avascript:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "blob:https://x/y", "//evil.example", "/v1/keys", "#x",
    "\u0001javascript:alert(1)", "jav&#x0A;ascript:alert(1)",
  ])("does not link %s", (href) => {
    draw(`[press](${href}) and [press](<${href}>) and <${href}>`);
    for (const link of root.querySelectorAll("a")) expect(link.protocol).toMatch(/^(https?|mailto):$/);
    expect(root.textContent).toContain("press");
  });

  it("loads no picture, and links it", () => {
    draw("![a chart](https://pictures.example/x.png?user=1)");
    expect(root.querySelector("img")).toBeNull();
    expect(root.querySelector("a")?.href).toBe("https://pictures.example/x.png?user=1");
    expect(root.textContent).toContain("Picture, not loaded: a chart");
    expect(root.textContent).toContain("pictures.example");
  });

  it("says where a link leads when its text says something else", () => {
    draw("[https://bank.example](https://evil.example/login) [docs](https://docs.example) [bank.example](https://www.bank.example/) [x](https://аррӏе.com)");
    expect([...root.querySelectorAll(".md-host")].map((host) => host.textContent?.trim())).toEqual([
      "(leads to evil.example)",
      expect.stringMatching(/^\(leads to xn--/),
    ]);
    for (const link of root.querySelectorAll("a")) expect(link.rel).toBe("noopener noreferrer nofollow ugc");
  });

  it("shows control characters and takes terminal colours away", () => {
    draw("\u001b[31mred\u001b[0m \u0007 \u202eabc \ud800 \u001b]8;;http://x\u0007y");
    expect(root.textContent).toBe("red \u2407 \u27e6U+202E\u27e7abc \ufffd y");
  });

  it("draws deep and odd nesting", () => {
    draw("> ".repeat(500) + "x\n\n" + "- ".repeat(500) + "y\n\n" + "*a ".repeat(1000) + "\n\n" + "[".repeat(2000) + "\n\n" + "$".repeat(999));
    expect(root.textContent).toContain("x");
  });
});

describe("drawing", () => {
  it("never draws a finished block again", () => {
    const text = "# A\n\nfirst *p*\n\n- a\n- b\n\n| a |\n|---|\n| 1 |\n\n```js\nlet a;\n```\n\n$$x$$\n\nlast";
    const stream = createMarkdownStream();
    const first = new Map<number, Element>();
    let changed = 0;
    for (const slice of slices(text, random(3), 4)) {
      stream.append(slice);
      const blocks = stream.blocks();
      const watcher = new MutationObserver(() => undefined);
      for (const [key, element] of first) if (!blocks[key]?.open) watcher.observe(element, { childList: true, subtree: true, characterData: true });
      render(<MarkdownView blocks={blocks} labels={LABELS} />, root);
      changed += watcher.takeRecords().length;
      watcher.disconnect();
      const drawn = [...(root.firstElementChild?.children ?? [])];
      for (const block of blocks) {
        const element = drawn[block.key] as Element;
        if (!block.open) {
          if (first.has(block.key)) expect(first.get(block.key)).toBe(element);
          first.set(block.key, element);
        }
      }
    }
    expect(first.size).toBe(6);
    expect(changed).toBe(0);
  });

  it("ends as it would have been drawn at once", () => {
    const text = "Some **bold _and em_** text\nwith `code` and [link](https://a.example/b)\n\n- [x] one\n- two\n  1. three\n\n> quote\n\n| a | b |\n|--|:-:|\n| 1 | 2 |\n";
    for (let seed = 1; seed < 20; seed++) {
      const stream = createMarkdownStream();
      for (const slice of slices(text, random(seed), 6)) {
        stream.append(slice);
        render(<MarkdownView blocks={stream.blocks()} labels={LABELS} />, root);
      }
      stream.finish();
      render(<MarkdownView blocks={stream.blocks()} labels={LABELS} />, root);
      const grown = root.innerHTML;
      render(null, root);
      expect(grown).toBe(draw(text).innerHTML);
      render(null, root);
    }
  });

  it("writes formulas as MathML and shows broken ones as they are", async () => {
    draw("$\\frac{a}{b}$ and \\(\\frac{\\)");
    await expect.poll(() => root.querySelector("math mfrac")).not.toBeNull();
    await expect.poll(() => root.querySelector(".md-broken")?.textContent).toBe("\\frac{");
  });

  it("writes many formulas in turn, and all of them", async () => {
    draw("$a$ ".repeat(5 * AT_ONCE));
    expect(root.querySelectorAll("math").length).toBeLessThanOrEqual(AT_ONCE);
    await expect.poll(() => root.querySelectorAll("math").length).toBe(5 * AT_ONCE);
  });

  it("writes a long text as several, cut at spaces, or where a line may begin", () => {
    const pieces = (text: string): ChildNode[] => [...(draw(text).querySelector("p")?.childNodes ?? [])];
    const words = "some words ".repeat(100).trim();
    expect(pieces(words).length).toBeGreaterThan(3);
    expect(pieces(words).slice(0, -1).every((piece) => piece instanceof Text && piece.data.endsWith(" "))).toBe(true);
    expect(root.textContent).toBe(words);
    expect(pieces("x".repeat(600)).map((piece) => piece.nodeName)).toEqual(["#text", "WBR", "#text", "WBR", "#text"]);
    const waves = `x${"\u{1f30a}".repeat(300)}`;
    expect(pieces(waves).map((piece) => piece.nodeName)).toEqual(["#text", "#text", "#text"]);
    for (const piece of root.querySelectorAll("p")[0]?.childNodes ?? []) expect(() => encodeURIComponent(piece.textContent ?? "")).not.toThrow();
    expect(root.textContent).toBe(waves);
  });

  it("writes formulas of their own line", async () => {
    /* Elements of MathML have a style in browsers, not in jsdom. */
    const styles = new WeakMap<Element, object>();
    Object.defineProperty(Element.prototype, "style", { configurable: true, get(this: Element) { return styles.get(this) ?? styles.set(this, {}).get(this); } });
    draw("$$\n\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}\n$$\n\n\\[ \\href{https://evil.example}{x} \\]");
    await expect.poll(() => root.querySelectorAll(".md-display mtd").length).toBe(4);
    await expect.poll(() => root.querySelector(".md-broken")?.textContent).toBe("\\href{https://evil.example}{x}");
    expect(root.querySelector("a")).toBeNull();
  });

  describe("code", () => {
    /* The worker, without a thread. */
    class Near {
      onmessage = (_: { data: unknown }): void => undefined;
      postMessage(question: Question): void {
        setTimeout(() => this.onmessage({ data: answerTo(question) }));
      }
    }
    vi.stubGlobal("Worker", Near);
    const lines = (count: number): string => Array.from({ length: count }, (_, i) => `let a${i} = "text"; // comment ${i}\n`).join("");
    const pre = (): Element => root.querySelector("pre") as Element;

    it("is coloured up to so many pieces of a part", () => {
      const [dense, next] = answerTo({ lang: "js", parts: [`x=${"1+".repeat(RUNS_MAX)}1;\n`, "let a;\n"] }) ?? [];
      expect(dense).toEqual([[`x=${"1+".repeat(RUNS_MAX)}1;\n`]]);
      expect(next?.[0]).toEqual(["let", "hljs-keyword"]);
    });

    it("is coloured when it is finished", async () => {
      draw("```js\nlet a = 'b';\n```");
      await expect.poll(() => root.querySelector(".hljs-keyword")?.textContent).toBe("let");
      expect(pre().textContent).toBe("let a = 'b';");
    });

    it("is coloured part by part, in the same colours as at once", async () => {
      const text = `/* a comment\n${lines(80)} that ends */ ${lines(120)}`.trimEnd();
      draw("```js\n" + text + "\n```");
      await expect.poll(() => root.querySelectorAll(".hljs-keyword").length).toBe(120);
      expect(pre().textContent).toBe(text);
      expect([...root.querySelectorAll(".hljs-comment")].map((one) => one.textContent).join("")).toContain(`/* a comment\n${lines(80)} that ends */`);
      expect(root.querySelectorAll(".md-lines").length).toBeGreaterThan(2);
    });

    it("is drawn once where it is finished, while lines come", () => {
      const stream = createMarkdownStream();
      stream.append("```js\n" + lines(300));
      render(<MarkdownView blocks={stream.blocks()} labels={LABELS} />, root);
      const before = [...root.querySelectorAll(".md-lines")].slice(0, -1);
      const watcher = new MutationObserver(() => undefined);
      for (const element of before) watcher.observe(element, { childList: true, subtree: true, characterData: true });
      for (let i = 0; i < 200; i++) {
        stream.append(lines(1));
        render(<MarkdownView blocks={stream.blocks()} labels={LABELS} />, root);
      }
      expect(watcher.takeRecords()).toEqual([]);
      expect(before.length).toBeGreaterThan(3);
      expect([...root.querySelectorAll(".md-lines")].slice(0, before.length)).toEqual(before);
      expect(pre().textContent).toBe(lines(300) + lines(1).repeat(200).trimEnd());
    });

    it("keeps a line together that is longer than a part", () => {
      const text = "x".repeat(10_000);
      draw("```\n" + lines(100) + text + "\n" + lines(100) + "```");
      const parts = [...pre().querySelectorAll("code > span")];
      expect(parts.filter((part) => !part.matches(".md-lines")).map((part) => part.textContent).join("")).toContain(`\n${text}\n`);
      expect(pre().textContent).toBe(lines(100) + text + "\n" + lines(100).trimEnd());
    });
  });
});
