/*
 * A list that grows at its end and can be taken back to an earlier length; read as chunks of which all but the last keep their identity.
 */
import type { Chunked } from "./types";

export const CHUNK_MAX = 32;

export interface ChunksMark<T> {
  full: number;
  last: T[];
}

export class Chunks<T> {
  private readonly full: T[][] = [];
  private last: T[] = [];

  get length(): number {
    return this.full.length * CHUNK_MAX + this.last.length;
  }

  push(element: T): void {
    this.last.push(element);
    if (this.last.length < CHUNK_MAX) return;
    this.full.push(this.last);
    this.last = [];
  }

  /* With `open`, what is not finished yet, as the last element. */
  view(open?: T): Chunked<T> {
    const last = open === undefined ? this.last.slice() : [...this.last, open];
    return last.length > 0 ? [...this.full, last] : this.full.slice();
  }

  mark(): ChunksMark<T> {
    return { full: this.full.length, last: this.last.slice() };
  }

  takeBack(mark: ChunksMark<T>): void {
    this.full.length = mark.full;
    this.last = mark.last.slice();
  }
}
