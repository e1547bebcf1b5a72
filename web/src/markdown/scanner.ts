/*
 * The block structure of Markdown, line by line (CommonMark 0.31 section 5 and appendix, with GFM's tables and task items).
 *
 * A stack of open containers (quotes, lists, items), and at its end the open leaf. A line first walks the containers it continues, then may open new ones,
 * then goes to a leaf. Every line is looked at once; nothing finished is looked at again.
 *
 *   root ─ list ─ item ─ quote ─ … ─ leaf
 *
 * Left out on purpose: HTML blocks (HTML is text), definitions of links (a block must not change one that has been drawn), and a table's row without a bar,
 * which ends the table here. `$$`, `\[` and `\begin{align}` (and its like) at the beginning of a line open maths, which an empty line
 * ends at the latest.
 */
import { Chunks, type ChunksMark } from "./chunks";
import { lexInline } from "./inline";
import { Code, Maths, Paragraph, readDelimiters, splitCells, Table, TABLE_COLUMNS_MAX, type Leaf } from "./leaves";
import { OpenInline } from "./openInline";
import type { BlockNode, Item } from "./types";

/* Containers beyond this depth are text. */
export const DEPTH_MAX = 16;
/* Each item that comes costs the browser a look at all of its list; a longer one goes on as another. */
export const LIST_ITEMS_MAX = 256;

interface Container {
  kind: "root" | "quote" | "list" | "item";
  children: Chunks<BlockNode>; /* of root: none, finished blocks go to the sink */
  items: Chunks<Item>; /* of a list */
  indent: number; /* of an item: of its content */
  task: boolean | null; /* of an item */
  marker: string; /* of a list: its character */
  start: number;
  loose: boolean;
  continues: boolean; /* of a list: the rest of one that was too long */
  used: boolean; /* of an item: something is in it */
}

interface ContainerMark {
  children: ChunksMark<BlockNode>;
  items: ChunksMark<Item>;
  loose: boolean;
  used: boolean;
  task: boolean | null;
}

export interface ScannerMark {
  stack: Container[];
  containers: ContainerMark[];
  leaf: Leaf | null;
  leafMark: unknown;
  blank: boolean;
}

const MARKER = /^( {0,3})([-+*]|(\d{1,9})([.)]))(?=[ \t]|$)/;
const RULE = /^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const FENCE = /^( {0,3})(`{3,}|~{3,})(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const MATHS = /^ {0,3}(\$\$|\\\[|\\begin\{((?:align(?:at|ed)?|equation|gather(?:ed)?|multline|split|cases|array|[bBpvV]?matrix)\*?)\})(.*)$/;

const indentOf = (line: string): number => line.length - line.trimStart().length;

export class Scanner {
  private stack: Container[] = [container("root")];
  private leaf: Leaf | null = null;
  private blank = false; /* the line before was empty */
  private half = false; /* the line at hand is not whole */
  private readonly inline = new OpenInline();

  /* Finished blocks of the top go to `sink`, in order. */
  constructor(private readonly sink: (node: BlockNode) => void) {}

  /* `continues`: the rest of a line that was too long, and no beginning of anything. `half`: it is not whole yet, and will be taken back. */
  line(text: string, continues: boolean, half = false): void {
    this.half = half;
    if (continues) {
      this.continueLine(text);
      return;
    }
    let rest = expandTabs(text);
    const matched = this.walk(rest);
    rest = matched.rest;
    const all = matched.depth === this.stack.length;
    if (all && this.leaf && this.intoLeaf(rest)) return;
    if (rest.trim() === "") {
      this.emptyLine(matched.depth, matched.quoteEnds);
      return;
    }
    if (!all && this.leaf instanceof Paragraph && !this.startsBlock(rest, matched.depth)) {
      this.leaf.add(rest.trimStart()); /* a lazy continuation */
      return;
    }
    if (!all) this.closeTo(matched.depth);
    this.open(rest);
    this.blank = false;
  }

  /* Everything that is open ends. */
  finish(): void {
    this.closeTo(1);
  }

  /* The open block of the top, closed for display; null: there is none. */
  openNode(): BlockNode | null {
    let node = this.leaf?.node(true) ?? null;
    for (let depth = this.stack.length - 1; depth > 0; depth--) {
      const current = this.stack[depth] as Container;
      if (current.kind === "quote") node = { type: "quote", children: current.children.view(node ?? undefined) };
      else if (current.kind === "item") node = this.listNode(this.stack[depth - 1] as Container, { task: current.task, children: current.children.view(node ?? undefined) });
      else if (this.stack[depth + 1]?.kind !== "item") node = this.listNode(current);
    }
    return node;
  }

  mark(): ScannerMark {
    return {
      stack: this.stack.slice(),
      containers: this.stack.map((c) => ({ children: c.children.mark(), items: c.items.mark(), loose: c.loose, used: c.used, task: c.task })),
      leaf: this.leaf,
      leafMark: this.leaf?.mark(),
      blank: this.blank,
    };
  }

  takeBack(mark: ScannerMark): void {
    this.stack = mark.stack.slice();
    this.stack.forEach((c, depth) => {
      const then = mark.containers[depth] as ContainerMark;
      c.children.takeBack(then.children);
      c.items.takeBack(then.items);
      Object.assign(c, { loose: then.loose, used: then.used, task: then.task });
    });
    this.leaf = mark.leaf;
    this.leaf?.takeBack(mark.leafMark);
    this.blank = mark.blank;
  }

  /* May the half line `text` still turn out to be a mark of something? Then it is better not shown. */
  isHalfMark(text: string): boolean {
    const { rest, depth } = this.walk(expandTabs(text));
    const inside = depth === this.stack.length ? this.leaf : null;
    if (inside instanceof Code) return inside.fence !== "" && /^ {0,3}[`~]+ *$/.test(rest);
    if (inside instanceof Maths) return false;
    if (inside instanceof Paragraph && !inside.continues && /^\s*\|?[\s:|-]*$/.test(rest) && /[-|:=]/.test(rest)) return true;
    return /^\s*(?:[-+*_=>#`~|]+|\d{1,9}[.)]?|[-+*] +\[?[ xX]?\]?|\\(?:[a-z]{1,5}(?:\{[a-zA-Z]*\*?)?)?|\${1,2}|(?:[-*_] *)+|>[ >]*|(?:```|~~~)[^`]*)\s*$/.test(rest);
  }

  /* ---- walking the containers ---- */

  private walk(line: string): { rest: string; depth: number; quoteEnds: boolean } {
    let rest = line;
    let depth = 1;
    for (; depth < this.stack.length; depth++) {
      const current = this.stack[depth] as Container;
      if (current.kind === "quote") {
        const found = QUOTE.exec(rest);
        if (!found) return { rest, depth, quoteEnds: true };
        rest = rest.slice(found[0].length);
      } else if (current.kind === "item") {
        if (rest.trim() === "") rest = "";
        else if (indentOf(rest) >= current.indent) rest = rest.slice(current.indent);
        else break;
      }
    }
    return { rest, depth, quoteEnds: false };
  }

  /* The open leaf of a line that continues all containers takes it, or not. */
  private intoLeaf(rest: string): boolean {
    const { leaf } = this;
    if (leaf instanceof Code) {
      if (leaf.fence === "") {
        if (rest.trim() !== "" && indentOf(rest) < 4) return false;
        leaf.add(rest.slice(4), false);
        return true;
      }
      if (leaf.closes(rest)) {
        leaf.closed = true;
        this.closeLeaf();
      } else {
        leaf.add(rest.slice(Math.min(leaf.indent, indentOf(rest))), false);
      }
      return true;
    }
    if (leaf instanceof Maths) {
      if (rest.trim() === "") return false;
      leaf.add(rest);
      if (leaf.closed || leaf.full) this.closeLeaf();
      return true;
    }
    if (leaf instanceof Table && rest.includes("|") && !this.startsBlock(rest, this.stack.length)) {
      (leaf.full ? this.newLeaf(leaf.next()) : leaf).add(rest, this.half);
      return true;
    }
    return false;
  }

  private emptyLine(depth: number, quoteEnds: boolean): void {
    if (quoteEnds) this.closeTo(depth);
    else if (!(this.leaf instanceof Code)) this.closeLeaf();
    this.blank = true;
  }

  private continueLine(text: string): void {
    const { leaf } = this;
    if (leaf instanceof Code) {
      leaf.add(text, true);
      return;
    }
    this.closeLeaf();
    this.newLeaf(new Paragraph(this.inline, true)).add(text);
  }

  /* ---- opening ---- */

  private startsBlock(rest: string, depth: number): boolean {
    if (indentOf(rest) >= 4) return false;
    if (RULE.test(rest) || HEADING.test(rest) || QUOTE.test(rest) || isFence(rest)) return true;
    const marker = MARKER.exec(rest);
    if (!marker) return false;
    const sibling = this.stack[depth]?.kind === "item";
    return sibling || (rest.length > marker[0].length && (marker[3] === undefined || marker[3] === "1"));
  }

  private open(line: string): void {
    let rest = line;
    while (this.openContainer(rest)) {
      rest = this.contentOf(rest);
      if (rest.trim() === "") return;
    }
    if (this.stack.at(-1)?.kind === "list") this.closeTo(this.stack.length - 1);
    this.openLeaf(rest);
  }

  private openContainer(rest: string): boolean {
    if (indentOf(rest) >= 4 || this.stack.length >= DEPTH_MAX) return false;
    if (QUOTE.test(rest)) {
      this.beforeChild();
      this.push(container("quote"));
      return true;
    }
    const marker = MARKER.exec(rest);
    if (!marker || RULE.test(rest)) return false;
    if (this.leaf instanceof Paragraph && !this.startsBlock(rest, this.stack.length)) return false;
    const character = marker[4] ?? marker[2] ?? "";
    const top = this.stack.at(-1) as Container;
    if (top.kind === "list" && top.marker === character) {
      if (this.blank) top.loose = true;
      if (top.items.length >= LIST_ITEMS_MAX) this.nextList(top);
    } else {
      this.beforeChild();
      this.push({ ...container("list"), marker: character, start: marker[3] === undefined ? -1 : Number(marker[3]) });
    }
    this.push({ ...container("item"), indent: itemIndent(rest, marker[0].length) });
    return true;
  }

  /* A full list ends; what comes goes on with its numbers. */
  private nextList(list: Container): void {
    this.closeTo(this.stack.length - 1);
    this.push({ ...container("list"), marker: list.marker, start: list.start < 0 ? -1 : list.start + list.items.length, loose: list.loose, continues: true });
  }

  /* Of a line that has just opened a container: what is behind its mark. */
  private contentOf(rest: string): string {
    const top = this.stack.at(-1) as Container;
    this.blank = false;
    if (top.kind === "quote") return rest.replace(QUOTE, "");
    const content = rest.slice(top.indent);
    const task = /^\[([ xX])\][ \t]+(?=\S)/.exec(content);
    if (!task) return content;
    top.task = task[1] !== " ";
    return content.slice(task[0].length);
  }

  private openLeaf(rest: string): void {
    if (this.leaf instanceof Paragraph) {
      if (this.changeParagraph(this.leaf, rest)) return;
    } else if (indentOf(rest) >= 4) {
      this.closeLeaf();
      this.newLeaf(new Code("", 0, "")).add(rest.slice(4), false);
      return;
    }
    if (this.openMarked(rest)) return;
    if (this.leaf instanceof Paragraph && this.leaf.full) this.closeLeaf();
    const paragraph = this.leaf instanceof Paragraph ? this.leaf : this.newLeaf(new Paragraph(this.inline, false));
    paragraph.add(rest.trimStart());
  }

  /* A line that makes the open paragraph a heading or a table. */
  private changeParagraph(paragraph: Paragraph, rest: string): boolean {
    const underline = UNDERLINE.exec(rest);
    if (underline && !paragraph.continues) {
      const { tokens } = paragraph;
      this.leaf = null;
      this.add({ type: "heading", depth: underline[1]?.startsWith("=") ? 1 : 2, tokens });
      return true;
    }
    const align = readDelimiters(rest);
    const header = paragraph.lastLine;
    if (!align || splitCells(header, TABLE_COLUMNS_MAX + 1).length !== align.length) return false;
    if (paragraph.dropLast()) this.closeLeaf();
    this.leaf = null;
    this.newLeaf(Table.begin(header, align));
    return true;
  }

  private openMarked(rest: string): boolean {
    if (indentOf(rest) >= 4) return false;
    const heading = HEADING.exec(rest);
    if (heading) {
      const title = (heading[2] ?? "").replace(/(?:^|(?<![ \t])[ \t]+)#+[ \t]*$/, "").trim();
      this.closeLeaf();
      this.beforeChild();
      this.add({ type: "heading", depth: heading[1]?.length ?? 1, tokens: this.half ? this.inline.show(title) : lexInline(title) });
      return true;
    }
    if (RULE.test(rest)) {
      this.closeLeaf();
      this.beforeChild();
      this.add({ type: "rule" });
      return true;
    }
    const fence = isFence(rest) ? FENCE.exec(rest) : null;
    if (fence) {
      this.closeLeaf();
      this.newLeaf(new Code(fence[2] ?? "", fence[1]?.length ?? 0, (fence[3] ?? "").trim()));
      return true;
    }
    const maths = MATHS.exec(rest);
    return maths !== null && this.openMaths(maths);
  }

  private openMaths([, begin = "", environment, inside = ""]: RegExpExecArray): boolean {
    const end = environment ? `\\end{${environment}}` : begin === "$$" ? "$$" : "\\]";
    const at = inside.indexOf(end);
    if (at >= 0 && inside.slice(at + end.length).trim() !== "") return false; /* `$$a$$ and so on` is a line of text with maths in it */
    this.closeLeaf();
    const leaf = this.newLeaf(new Maths(end, environment && begin));
    if (inside.trim()) leaf.add(inside);
    if (leaf.closed) this.closeLeaf();
    return true;
  }

  private newLeaf<T extends Leaf>(leaf: T): T {
    this.closeLeaf();
    this.beforeChild();
    this.leaf = leaf;
    return leaf;
  }

  /* ---- closing ---- */

  /* Something begins in the innermost container; a paragraph that it interrupts ends. */
  private beforeChild(): void {
    this.closeLeaf();
    if (this.stack.at(-1)?.kind === "list") this.closeTo(this.stack.length - 1);
    const top = this.stack.at(-1) as Container;
    if (top.kind === "item" && top.used && this.blank) (this.stack.at(-2) as Container).loose = true;
    top.used = true;
  }

  private push(opened: Container): void {
    this.stack.push(opened);
  }

  private closeLeaf(): void {
    const { leaf } = this;
    if (!leaf) return;
    this.leaf = null;
    const node = leaf.node(false);
    if (node) this.add(node);
  }

  private closeTo(depth: number): void {
    this.closeLeaf();
    while (this.stack.length > depth) {
      const closed = this.stack.pop() as Container;
      if (closed.kind === "item") (this.stack.at(-1) as Container).items.push({ task: closed.task, children: closed.children.view() });
      else if (closed.kind === "quote") this.add({ type: "quote", children: closed.children.view() });
      else this.add(this.listNode(closed));
    }
  }

  private add(node: BlockNode): void {
    const top = this.stack.at(-1) as Container;
    if (top.kind === "root") this.sink(node);
    else top.children.push(node);
  }

  private listNode(list: Container, open?: Item): BlockNode {
    return { type: "list", ordered: list.start >= 0, start: Math.max(list.start, 0), loose: list.loose, continues: list.continues, items: list.items.view(open) };
  }
}

function container(kind: Container["kind"]): Container {
  return { kind, children: new Chunks(), items: new Chunks(), indent: 0, task: null, marker: "", start: -1, loose: false, continues: false, used: false };
}

/* The content begins one to four spaces behind the mark; behind more, or behind none, one. */
function itemIndent(rest: string, markEnd: number): number {
  const spaces = indentOf(rest.slice(markEnd));
  const blank = rest.slice(markEnd).trim() === "";
  return markEnd + (blank || spaces > 4 ? 1 : spaces);
}

function isFence(rest: string): boolean {
  const fence = FENCE.exec(rest);
  return fence !== null && !(fence[2]?.startsWith("`") && fence[3]?.includes("`"));
}

/* Tabs of the indentation, as up to four spaces. */
function expandTabs(line: string): string {
  const [indent = ""] = /^[ \t]*/.exec(line) ?? [];
  if (!indent.includes("\t")) return line;
  let spaces = "";
  for (const char of indent) spaces += char === "\t" ? " ".repeat(4 - (spaces.length % 4)) : " ";
  return spaces + line.slice(indent.length);
}
