/*
 * Who is signed in: a key, and nothing else until there are accounts. The key lives as long as its tab, also over a reload, since an answer under way is
 * fetched with it; in this browser only when its owner wants that.
 */
import type { Refusal } from "../api/types";

/* GET /site.json (docs/chat.md); what cannot be fetched has careful values. */
export interface SiteInfo {
  name: string;
  keyRequired: boolean;
  bodyBytesMax: number;
  reached: boolean; /* false: these are not the service's words */
}

/* Where a key is written that stays in this browser (its settings), and one that stays in this tab (so that a reload finds it). */
export interface KeyKeeper {
  read(): string;
  write(key: string): void; /* "" forgets it */
}

export type SignIn = { ok: true } | { ok: false; refusal: Refusal };
