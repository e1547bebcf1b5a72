/*
 * Markdown that arrives piece by piece.
 *
 * Text is cut into top-level blocks. A finished block is parsed once, keeps its `key` and its object for ever, and is never drawn again; the last, open
 * block is parsed anew with each frame and closed for display (an open fence, a half table, a broken link). An open block is cut when it exceeds
 * OPEN_BLOCK_CHARS_MAX, so that the work of a frame has a maximum whatever comes.
 *
 * Nothing of the model's text ever becomes HTML: tokens become elements of our own. HTML is shown as text, pictures as links, and links only when
 * their scheme is http, https or mailto.
 */
import type { Token } from "marked";

export interface Block {
  key: number; /* rises by one */
  tokens: Token[];
  open: boolean;
}

export interface MarkdownStream {
  /* Any slice of the text, also in the middle of a character pair. */
  append(text: string): void;
  finish(): void;
  /* Finished blocks are the same objects from call to call. */
  blocks(): readonly Block[];
}
