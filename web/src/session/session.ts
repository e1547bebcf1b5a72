/* The key that calls go out with, and how it comes and goes. Signals, so that pages draw themselves again. */
import { signal } from "@preact/signals";
import { ApiError, type Refusal } from "../api/types";
import type { KeyKeeper, SignIn } from "./types";

const KEY_CHARS_MAX = 1024;

export class Session {
  readonly key = signal("");
  readonly kept = signal(false);
  /* The sign-in page is wanted, and why: a refusal of the key, or nothing yet. */
  readonly asked = signal(false);
  readonly trouble = signal<Refusal | null>(null);

  constructor(
    private readonly browser: KeyKeeper,
    private readonly tab: KeyKeeper,
  ) {
    this.key.value = browser.read() || tab.read();
    this.kept.value = browser.read() !== "";
  }

  /* Takes `key` when `check`, which calls the service with it, does not throw; else leaves everything as it was. */
  async signIn(key: string, keep: boolean, check: () => Promise<unknown>): Promise<SignIn> {
    const before = this.key.value;
    this.key.value = cleanKey(key);
    try {
      await check();
    } catch (error) {
      this.key.value = before;
      if (!(error instanceof ApiError)) throw error;
      this.trouble.value = error.refusal;
      return { ok: false, refusal: error.refusal };
    }
    this.browser.write(keep ? this.key.value : "");
    this.tab.write(keep ? "" : this.key.value);
    this.kept.value = keep;
    this.asked.value = false;
    this.trouble.value = null;
    return { ok: true };
  }

  signOut(): void {
    this.browser.write("");
    this.tab.write("");
    this.key.value = "";
    this.kept.value = false;
    this.trouble.value = null;
  }

  /* The service no longer takes the key: a refusal with status 401. */
  askAgain(refusal: Refusal | null): void {
    this.trouble.value = refusal;
    this.asked.value = true;
  }
}

/* What people paste: with spaces, in quotes, with the header's word before it. */
export function cleanKey(pasted: string): string {
  return pasted
    .slice(0, KEY_CHARS_MAX)
    .trim()
    .replace(/^["'`]|["'`]$/g, "")
    .replace(/^bearer\s+/i, "")
    .trim();
}
