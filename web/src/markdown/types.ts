/*
 * Markdown that arrives piece by piece.
 *
 * Text is cut into top-level blocks. A finished block is parsed once, keeps its `key` and its object for ever, and is never drawn again; the last, open
 * block grows at its end and is closed for display (an open fence, a half table, a broken link). What is finished inside it (list items, table rows, code)
 * keeps its objects too, in chunks, so that the work of a frame has a maximum whatever comes.
 *
 * Nothing of the model's text ever becomes HTML: nodes become elements of our own. HTML is shown as text (but for pairs.ts), pictures as links, and links only when
 * their scheme is http, https or mailto.
 */
import type { Pair } from "./pairs";

export type Align = "left" | "center" | "right" | null;

/* A list that grows at its end: all but the last chunk keep their identity. */
export type Chunked<T> = readonly (readonly T[])[];

/* A piece of what is inside a paragraph. */
export interface Token {
  type: "text" | "escape" | "br" | "codespan" | "html" | "maths" | "image" | "link" | "em" | "strong" | "del" | Pair;
  raw: string; /* as it was written */
  text: string; /* without its marks */
  href?: string; /* of links and pictures */
  display?: boolean; /* of maths */
  tokens?: Token[]; /* of links, emphasis and pairs of tags: what is in them */
}

export interface Cell {
  tokens: Token[];
}

export interface Item {
  task: boolean | null; /* null: no box; else whether it is ticked */
  children: Chunked<BlockNode>;
}

export type BlockNode =
  | { type: "paragraph"; tokens: Token[]; continues: boolean } /* continues: the rest of one that was too long */
  | { type: "heading"; depth: number; tokens: Token[] }
  | { type: "code"; lang: string; parts: readonly string[]; closed: boolean } /* the text is all parts in a row; each ends with a line unless that is very long */
  | { type: "table"; align: readonly Align[]; header: readonly Cell[]; rows: Chunked<readonly Cell[]> }
  | { type: "list"; ordered: boolean; start: number; loose: boolean; continues: boolean; items: Chunked<Item> }
  | { type: "quote"; children: Chunked<BlockNode> }
  | { type: "maths"; text: string; closed: boolean }
  | { type: "rule" };

export interface Block {
  key: number; /* rises by one */
  node: BlockNode;
  open: boolean;
}

export interface MarkdownStream {
  /* Any slice of the text, also in the middle of a character pair. */
  append(text: string): void;
  finish(): void;
  /* Finished blocks are the same objects from call to call. */
  blocks(): readonly Block[];
}

/* What the drawn Markdown says by itself; from the table of messages. */
export interface MarkdownLabels {
  copy: string; /* on the button at a code block */
  copied: string;
  copyFailed: string;
  code: string; /* names a code block without a language, for screen readers */
  table: string; /* names the scrolling region around a table */
  picture: string; /* before a blocked picture's description: "Picture, not loaded" */
  leadsTo: string; /* before the host, where a link's text looks like another: "leads to" */
  brokenMaths: string; /* title of a formula that is shown as its source */
  taskDone: string;
  taskOpen: string;
}
