/*
 * The blocks that hold text: paragraph, code, table, maths. Each takes lines and gives its node; what was finished in it is kept, not made again.
 *
 * `mark()` and `takeBack()` let the scanner try a line that is not whole yet and forget it again; what has been lexed stays remembered over that, since the
 * same text will come again.
 */
import { Chunks, type ChunksMark } from "./chunks";
import { lexInline } from "./inline";
import { closeInline, type OpenInline } from "./openInline";
import type { Align, BlockNode, Cell, Token } from "./types";

export const PARAGRAPH_CHARS_MAX = 4096;
export const MATHS_CHARS_MAX = 8192;
export const TABLE_COLUMNS_MAX = 64;
export const TABLE_ROWS_MAX = 128; /* a browser lays out a whole table for each row that comes; a longer one goes on as another below the same header */
const CODE_PART_CHARS = 2048;

export interface Leaf {
  /* Finished: the whole is known. Open: closed for display. Null: nothing to show yet. */
  node(open: boolean): BlockNode | null;
  mark(): unknown;
  takeBack(mark: unknown): void;
}

export class Paragraph implements Leaf {
  private lines: string[] = [];
  private chars = 0;
  private done: { text: string; node: BlockNode } | null = null;

  /* `inline` belongs to the scanner, which shows one open paragraph at a time. */
  constructor(
    private readonly inline: OpenInline,
    readonly continues: boolean,
  ) {}

  add(line: string): void {
    this.lines.push(line);
    this.chars += line.length + 1;
  }

  get full(): boolean {
    return this.chars > PARAGRAPH_CHARS_MAX;
  }

  get lastLine(): string {
    return this.lines.at(-1) ?? "";
  }

  /* The last line turned out to be a table's header. Returns whether something is left. */
  dropLast(): boolean {
    this.chars -= this.lastLine.length + 1;
    this.lines.pop();
    return this.lines.length > 0;
  }

  /* For a heading. */
  get tokens(): Token[] {
    const node = this.node(false);
    return node.type === "paragraph" ? node.tokens : [];
  }

  node(open: boolean): BlockNode {
    const text = this.lines.join("\n").trim();
    if (!open) {
      if (this.done?.text !== text) this.done = { text, node: { type: "paragraph", tokens: lexInline(text), continues: this.continues } };
      return this.done.node;
    }
    /* A first line with a bar will be a table's header. */
    if (this.lines.length === 1 && !this.continues && /^\|.*\S/.test(text)) {
      return { type: "table", align: [], header: splitCells(text, TABLE_COLUMNS_MAX).map(lexCell), rows: [] };
    }
    return { type: "paragraph", tokens: this.inline.show(text), continues: this.continues };
  }

  mark(): unknown {
    return [this.lines.length, this.chars, this.lastLine];
  }

  takeBack(mark: unknown): void {
    const [length, chars, last] = mark as [number, number, string];
    this.lines.length = length;
    if (length > 0) this.lines[length - 1] = last;
    this.chars = chars;
  }
}

interface CodeMark {
  parts: number;
  tail: string;
  blank: number;
  begun: boolean;
  closed: boolean;
}

/* A fence, or lines that are indented by four: then `fence` is "". */
export class Code implements Leaf {
  closed = false;
  private readonly parts: string[] = [];
  private tail = "";
  private blank = 0; /* blank lines that belong to it only when more comes */
  private begun = false;

  constructor(
    readonly fence: string,
    readonly indent: number,
    private readonly lang: string,
  ) {}

  add(line: string, continues: boolean): void {
    if (this.fence === "" && line.trim() === "") {
      this.blank += 1;
      return;
    }
    if (this.begun && !continues) this.tail += "\n".repeat(this.blank + 1);
    if (this.tail.length >= CODE_PART_CHARS) {
      this.parts.push(this.tail);
      this.tail = "";
    }
    this.tail += line;
    this.blank = 0;
    this.begun = true;
  }

  closes(line: string): boolean {
    const found = /^ {0,3}(`{3,}|~{3,})[ \t]*$/.exec(line)?.[1] ?? "";
    return found.length >= this.fence.length && found.startsWith(this.fence.charAt(0)) && this.fence !== "";
  }

  node(open: boolean): BlockNode {
    const parts = this.tail === "" ? this.parts.slice() : [...this.parts, this.tail];
    return { type: "code", lang: this.lang, parts, closed: this.closed || !open };
  }

  mark(): unknown {
    return { parts: this.parts.length, tail: this.tail, blank: this.blank, begun: this.begun, closed: this.closed } satisfies CodeMark;
  }

  takeBack(mark: unknown): void {
    const { parts, tail, blank, begun, closed } = mark as CodeMark;
    this.parts.length = parts;
    Object.assign(this, { tail, blank, begun, closed });
  }
}

export class Table implements Leaf {
  private readonly rows = new Chunks<readonly Cell[]>();

  constructor(
    private readonly header: readonly Cell[],
    private readonly align: readonly Align[],
  ) {}

  static begin(header: string, align: readonly Align[]): Table {
    return new Table(cells(header, align.length), align);
  }

  get full(): boolean {
    return this.rows.length >= TABLE_ROWS_MAX;
  }

  /* The table in which a full one goes on. */
  next(): Table {
    return new Table(this.header, this.align);
  }

  add(line: string, half: boolean): void {
    this.rows.push(cells(half ? closeInline(line) : line, this.align.length));
  }

  node(): BlockNode {
    return { type: "table", align: this.align, header: this.header, rows: this.rows.view() };
  }

  mark(): unknown {
    return this.rows.mark();
  }

  takeBack(mark: unknown): void {
    this.rows.takeBack(mark as ChunksMark<readonly Cell[]>);
  }
}

function cells(line: string, columns: number): Cell[] {
  const texts = splitCells(line, columns);
  return Array.from({ length: columns }, (_, column) => lexCell(texts[column] ?? ""));
}

function lexCell(text: string): Cell {
  return { tokens: text === "" ? [] : lexInline(text) };
}

/* GFM: bars part cells unless a backslash stands before them, also inside code. */
export function splitCells(line: string, max: number): string[] {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return inner
    .split(/(?<!\\)\|/, max)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/* The row of dashes below a table's header; null: it is none. */
export function readDelimiters(line: string): Align[] | null {
  if (!line.includes("|") && !line.includes(":")) return null;
  if (!/^[\s|:-]+$/.test(line) || !line.includes("-")) return null;
  const cells = splitCells(line, TABLE_COLUMNS_MAX + 1);
  if (cells.length > TABLE_COLUMNS_MAX || !cells.every((cell) => /^:?-+:?$/.test(cell))) return null;
  return cells.map((cell) => {
    if (cell.startsWith(":")) return cell.endsWith(":") && cell.length > 1 ? "center" : "left";
    return cell.endsWith(":") ? "right" : null;
  });
}

export class Maths implements Leaf {
  closed = false;
  private text = "";

  /* `end` closes it; `begin` and `end` belong to the formula when they are an environment's. */
  constructor(
    private readonly end: string,
    private readonly begin = "",
  ) {}

  add(line: string): void {
    const at = line.trimEnd().endsWith(this.end) ? line.lastIndexOf(this.end) : -1;
    this.text += (this.text === "" ? "" : "\n") + (at < 0 ? line : line.slice(0, at));
    this.closed = at >= 0;
  }

  get full(): boolean {
    return this.text.length > MATHS_CHARS_MAX;
  }

  node(): BlockNode {
    const text = this.begin === "" ? this.text.trim() : `${this.begin}${this.text}${this.closed ? this.end : ""}`;
    return { type: "maths", text, closed: this.closed };
  }

  mark(): unknown {
    return [this.text, this.closed];
  }

  takeBack(mark: unknown): void {
    const [text, closed] = mark as [string, boolean];
    Object.assign(this, { text, closed });
  }
}
