/*
 * What is inside a paragraph, a heading or a cell: CommonMark 0.31 section 6 with GFM's strikethrough and bare addresses, and maths.
 *
 * One walk over the text. Marks of emphasis go onto a stack and are paired as their ends come (the spec's "process emphasis", whose bottoms keep it linear);
 * every other look ahead is remembered or has a maximum, so that no text costs more than a constant for each of its characters.
 *
 * lexInline() is asked once for finished text. For open text there is OpenInline (openInline.ts).
 *
 * Left out on purpose: HTML (a tag is a token that shows itself, but for the few pairs in pairs.ts), reference links ("[a][1]" with "[1]: …" elsewhere: a definition that comes later would change
 * what has been drawn), and links inside of links.
 */
import { Ahead, runLength, work } from "./ahead";
import { Emphasis } from "./emphasis";
import { PAIR_CHARS_MAX, pairAt } from "./pairs";
import { textToken } from "./tokens";
import type { Token } from "./types";

const LINK_CHARS_MAX = 2048; /* of a label, and of what is behind it */
const LINK_DEPTH_MAX = 8; /* of brackets in a label, of parentheses in an address */
const TAG_CHARS_MAX = 512;
const PIECES_MAX = 512; /* each becomes an element; nobody writes so many in one paragraph, and what is behind them is shown as it was written */
const ADDRESS_CHARS_MAX = 2048;

const ESCAPED = /^[!-/:-@[-`{-~]$/;
const TAG = /<\/[a-zA-Z][\w:-]*\s*>|<[a-zA-Z][\w-]*(?:\s+[a-zA-Z:_][\w.:-]*(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*\s*\/?>/y;
const AUTOLINK = /<([a-zA-Z][a-zA-Z0-9+.-]{1,31}:[^\s\0-\x1f<>]*)>/y;
const AUTOLINK_EMAIL = /<([a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z0-9-]{1,63})+)>/y;
const WORD = /[a-zA-Z0-9]+/y;
const WEB = /(?:https?:\/\/|www\.)(?=[a-zA-Z0-9-])/iy;
const EMAIL = /[a-zA-Z0-9][\w.+-]*@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]*[a-zA-Z0-9])+/y;
const EMAIL_CHARS_MAX = 254;
const TARGET = /\(\s*(<(?:\\.|[^\n<>\\])*>|)/y;
const TITLE = /\s+(?:"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|\((?:\\[^]|[^()\\])*\))/y;
const TARGET_END = /\s*\)/y;

export function lexInline(text: string): Token[] {
  return new InlineLexer(text, false).tokens();
}

/* The text at `at` as `pattern`, which is sticky, finds it among the next `max` characters. */
function matchAt(pattern: RegExp, text: string, at: number, max = LINK_CHARS_MAX): RegExpExecArray | null {
  const part = text.slice(at, at + max);
  pattern.lastIndex = 0;
  const found = pattern.exec(part);
  work.chars += found ? found[0].length : pattern === TAG ? part.length : 1; /* the others fail where the next one may begin */
  return found;
}

class InlineLexer {
  private readonly emphasis: Emphasis;
  private readonly ahead: Ahead;
  private at = 0;
  private plainFrom = 0; /* the text from here to `at` means nothing else */

  constructor(
    private readonly text: string,
    private readonly inside: boolean,
  ) {
    this.emphasis = new Emphasis(text);
    this.ahead = new Ahead(text);
  }

  tokens(): Token[] {
    work.chars += this.text.length;
    while (this.at < this.text.length && this.emphasis.length < PIECES_MAX) {
      const token = this.special();
      if (token) this.take(token);
      else if (token === null) this.at += 1;
    }
    this.at = this.text.length;
    this.flush();
    return this.emphasis.tokens();
  }

  /* The token that begins here; null: none; undefined: something that has been dealt with. */
  private special(): Token | null | undefined {
    switch (this.text.charAt(this.at)) {
      case "\\":
        return this.maths() ?? this.escape();
      case "$":
        return this.maths();
      case "`":
        return this.code();
      case "<":
        return this.html() ?? (this.inside ? null : this.autolink());
      case "!":
        return this.text.charAt(this.at + 1) === "[" ? this.link(this.at + 1) : null;
      case "[":
        return this.inside ? null : this.link(this.at);
      case "*":
      case "_":
      case "~":
        return this.mark();
      case " ":
      case "\n":
        return this.lineBreak();
      default:
        return this.word();
    }
  }

  /* A bare address, or a word or another character that means nothing else. */
  private word(): Token | null | undefined {
    const end = this.at + (matchAt(WORD, this.text, this.at)?.[0].length ?? 0);
    if (end === this.at) return null;
    const address = this.inside ? null : (this.web() ?? this.email());
    if (!address) this.at = end;
    return address ?? undefined;
  }

  private take(token: Token): void {
    this.flush();
    this.emphasis.push(token);
    this.at += token.raw.length;
    this.plainFrom = this.at;
  }

  private flush(): void {
    if (this.at > this.plainFrom) this.emphasis.push(textToken(this.text.slice(this.plainFrom, this.at)));
    this.plainFrom = this.at;
  }

  private token(type: Token["type"], end: number, text: string, more: Partial<Token> = {}): Token {
    return { type, raw: this.text.slice(this.at, end), text, ...more };
  }

  private maths(): Token | null {
    const found = this.ahead.maths(this.at);
    return found && this.token("maths", found.end, found.text, { display: found.display });
  }

  private escape(): Token | null {
    const next = this.text.charAt(this.at + 1);
    if (ESCAPED.test(next)) return this.token("escape", this.at + 2, next);
    return next === "\n" ? this.breakAt(this.at + 2) : null;
  }

  /* Two spaces at least before the end of a line; a text does not end with a break. */
  private lineBreak(): Token | null | undefined {
    const from = this.at;
    let end = from;
    while (this.text.charAt(end) === " ") end += 1;
    if (this.text.charAt(end) !== "\n") this.at = end;
    else if (end - from >= 2) return this.breakAt(end + 1);
    else this.at = end + 1;
    return undefined;
  }

  private breakAt(end: number): Token | null {
    return this.text.slice(end).trim() === "" ? null : this.token("br", end, "");
  }

  private code(): Token | undefined {
    const length = runLength(this.text, this.at);
    const from = this.at + length;
    const end = this.behindCode(this.at) - length;
    if (end < from) {
      this.at = from;
      return undefined;
    }
    const inside = this.text.slice(from, end).replaceAll("\n", " ");
    const padded = inside.startsWith(" ") && inside.endsWith(" ") && inside.trim() !== "";
    return this.token("codespan", end + length, padded ? inside.slice(1, -1) : inside);
  }

  private html(): Token | null {
    const { text, at } = this;
    const pair = this.inside ? null : this.pair();
    if (pair) return pair;
    const found = /[a-zA-Z/]/.test(text.charAt(at + 1)) ? matchAt(TAG, text, at, TAG_CHARS_MAX) : null;
    if (found) return this.token("html", at + found[0].length, found[0]);
    for (const [begin, close] of [["<!--", "-->"], ["<?", "?>"], ["<![CDATA[", "]]>"]] as const) {
      if (!text.startsWith(begin, at)) continue;
      const end = this.ahead.find(close, at + begin.length);
      if (end >= 0) return this.token("html", end + close.length, text.slice(at, end + close.length));
      return begin === "<!--" ? this.token("html", text.length, text.slice(at)) : null;
    }
    return null;
  }

  /* `<sub>2</sub>` and its like. */
  private pair(): Token | null {
    const name = pairAt(this.text, this.at);
    if (!name) return null;
    const from = this.at + name.length + 2;
    const end = this.ahead.find(`</${name}>`, from);
    if (end < 0 || end - from > PAIR_CHARS_MAX) return null;
    const inside = this.text.slice(from, end);
    return this.token(name, end + name.length + 3, inside, { tokens: new InlineLexer(inside, true).tokens() });
  }

  private autolink(): Token | null {
    const found = matchAt(AUTOLINK, this.text, this.at);
    const email = found ?? matchAt(AUTOLINK_EMAIL, this.text, this.at);
    return email && this.address(email[1] as string, email[0], found ? "" : "mailto:");
  }

  private address(text: string, raw: string, before: string): Token {
    return { type: "link", raw, text, href: before + text, tokens: [textToken(text)] };
  }

  private web(): Token | null {
    const { text, at } = this;
    const found = matchAt(WEB, text, at, 16);
    if (!found) return null;
    let end = at + found[0].length;
    const most = Math.min(text.length, at + ADDRESS_CHARS_MAX);
    while (end < most && !/[\s<]/.test(text.charAt(end)) && !this.emphasis.closesAt(end)) end += 1;
    work.chars += end - at;
    const raw = withoutStops(text.slice(at, end));
    return raw.length <= found[0].length ? null : this.address(raw, raw, /^www/i.test(raw) ? "http://" : "");
  }

  /* Begins with the first letter or digit of the word before an "@". */
  private email(): Token | null {
    const { text, at } = this;
    const sign = this.ahead.find("@", at);
    if (sign < 0 || sign - at > EMAIL_CHARS_MAX || /[.+-]/.test(text.charAt(at - 1))) return null;
    const found = matchAt(EMAIL, text, at, EMAIL_CHARS_MAX);
    return found && this.address(found[0], found[0], "mailto:");
  }

  private mark(): undefined {
    const length = runLength(this.text, this.at);
    this.flush();
    this.emphasis.mark(this.at, length);
    this.at += length;
    this.plainFrom = this.at;
    return undefined;
  }

  /* `[…](…)`, whose bracket is at `open`; before a picture's there is "!". */
  private link(open: number): Token | null {
    const { text } = this;
    const behind = this.closing(open);
    if (behind < 0 || text.charAt(behind) !== "(") return null;
    const target = targetAt(text, behind);
    if (!target) return null;
    const label = text.slice(open + 1, behind - 1);
    const { href, end } = target;
    if (open > this.at) return this.token("image", end, label.replace(/\\([[\]])/g, "$1"), { href });
    return this.token("link", end, label, { href, tokens: new InlineLexer(label, true).tokens() });
  }

  /* Behind the bracket that closes the one at `at`; -1: none, or too far or too deep. What is in code closes nothing. */
  private closing(at: number): number {
    let depth = 0;
    let end = at;
    while (end < Math.min(this.text.length, at + LINK_CHARS_MAX)) {
      const char = this.text.charAt(end);
      if (char === "[" && ++depth > LINK_DEPTH_MAX) break;
      if (char === "]" && --depth === 0) break;
      if (char === "`") end = this.behindCode(end);
      else end += char === "\\" ? 2 : 1;
    }
    work.chars += end - at;
    return depth === 0 ? end + 1 : -1;
  }

  private behindCode(at: number): number {
    const length = runLength(this.text, at);
    const end = this.ahead.backticks(length, at + length);
    return (end < 0 ? at : end) + length;
  }
}

/* `(address "title")` at `at`. */
function targetAt(text: string, at: number): { href: string; end: number } | null {
  const begin = matchAt(TARGET, text, at);
  if (!begin) return null;
  let end = at + begin[0].length;
  let href = (begin[1] as string).slice(1, -1);
  if (begin[1] === "") {
    if (text.charAt(end) === "<") return null;
    const from = end;
    end = addressEnd(text, from);
    href = text.slice(from, end);
  }
  end += matchAt(TITLE, text, end)?.[0].length ?? 0;
  const close = matchAt(TARGET_END, text, end);
  return close && { href: href.replace(/\\([!-/:-@[-`{-~])/g, "$1"), end: end + close[0].length };
}

/* Of an address without brackets: its parentheses are in pairs. */
function addressEnd(text: string, from: number): number {
  let depth = 0;
  let end = from;
  for (; end < Math.min(text.length, from + LINK_CHARS_MAX); end++) {
    const char = text.charAt(end);
    if (char === "\\" && ESCAPED.test(text.charAt(end + 1))) end += 1;
    else if (char <= " ") break;
    else if (char === "(" && ++depth > LINK_DEPTH_MAX) break;
    else if (char === ")" && --depth < 0) break;
  }
  work.chars += end - from;
  return end;
}

/* A bare address does not end with stops, with a parenthesis that it has not opened, or with a character reference. */
function withoutStops(address: string): string {
  let open = 0;
  for (const char of address) open += char === "(" ? 1 : char === ")" ? -1 : 0;
  let end = address.length;
  for (; end > 0; end--) {
    const last = address.charAt(end - 1);
    if (last === ")" && open < 0) open += 1;
    else if (last === ";") end -= (/&[a-zA-Z0-9]{1,32};$/.exec(address.slice(Math.max(0, end - 34), end))?.[0].length ?? 1) - 1;
    else if (!/[?!.,:*_'"~(]/.test(last)) break;
  }
  return address.slice(0, end);
}
