/*
 * What the first view does not need comes after it, in two pieces: `talk`, a conversation and the answers under way in it, and `extras`, what is done seldom.
 *
 *   (not asked for) ──load()──▶ loading ──▶ here | missing ──load()──▶ loading …
 *
 * A piece is missing when there is no network, or when the service has been upgraded since the page was loaded and no longer has it: the page says so
 * (ChatPage), and that loading it again helps. `here` and `missing` read signals: what draws them draws again when they change.
 */
import { signal } from "@preact/signals";

export class Piece<T> {
  private readonly loaded = signal<T | null>(null);
  private readonly failed = signal(false);
  private loading: Promise<T | null> | null = null;

  constructor(private readonly fetch: () => Promise<T>) {}

  /* Null: not yet. */
  get here(): T | null {
    return this.loaded.value;
  }

  get missing(): boolean {
    return this.failed.value;
  }

  /* For who knows that it is here. */
  get now(): T {
    const loaded = this.loaded.peek();
    if (loaded === null) throw new Error("a piece of the page is used before it has been loaded");
    return loaded;
  }

  /* Null: it is missing. */
  load(): Promise<T | null> {
    this.loading ??= this.fetch().then(
      (loaded) => {
        this.failed.value = false;
        return (this.loaded.value = loaded);
      },
      () => {
        this.failed.value = true;
        return (this.loading = null);
      },
    );
    return this.loading;
  }
}

export const talk = new Piece(() => import("./talk"));
export const extras = new Piece(() => import("./extras"));
