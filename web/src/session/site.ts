/* GET /site.json: what a page needs to know before anybody has signed in. Never throws. index.html asks for it beside the script, in the same words. */
import type { SiteInfo } from "./types";

const BODY_BYTES_MAX_GUESS = 1 << 20;

export async function readSite(ask: typeof fetch = fetch): Promise<SiteInfo> {
  try {
    const response = await ask("/site.json");
    if (!response.ok) return siteOf(null);
    return siteOf(await response.json());
  } catch {
    return siteOf(null);
  }
}

export function siteOf(body: unknown): SiteInfo {
  const reached = typeof body === "object" && body !== null;
  const said = (reached ? body : {}) as Record<string, unknown>;
  return {
    name: typeof said.name === "string" && said.name !== "" ? said.name : "Seawall",
    keyRequired: said.key_required !== false,
    bodyBytesMax: typeof said.body_bytes_max === "number" && said.body_bytes_max > 0 ? said.body_bytes_max : BODY_BYTES_MAX_GUESS,
    reached,
  };
}
