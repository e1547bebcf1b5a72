/*
 * Which links may be followed, and what a person should know before.
 *
 * A model's link may say one host and lead to another. What its text looks like is compared with where it goes; where they differ, or where the host mixes
 * scripts, the host is shown beside it, as the browser will ask for it (punycode).
 */

const URL_CHARS_MAX = 4096;
const SCHEME = /^\s*(?:https?|mailto):/i; /* of text that may be one: a browser takes a while to throw for what is none */
const SCHEMES = new Set(["http:", "https:", "mailto:"]);

export interface SafeLink {
  href: string;
  host: string; /* "" of mailto */
}

/* Null: no link; its text is shown alone. */
export function safeLink(href: string): SafeLink | null {
  if (href.length > URL_CHARS_MAX || !SCHEME.test(href)) return null;
  let url: URL;
  try {
    url = new URL(href.trim());
  } catch {
    return null;
  }
  if (!SCHEMES.has(url.protocol)) return null;
  return { href: url.href, host: url.host };
}

/* What to show beside a link whose text is `text`; "" when the text says enough. */
export function hostToShow(link: SafeLink, text: string): string {
  if (link.host === "") return "";
  const host = link.host.toLowerCase();
  if (/(?:^|\.)xn--/.test(host) || /@/.test(new URL(link.href).href.split("/")[2] ?? "")) return host;
  const claimed = claimedHost(text);
  if (claimed === null || sameSite(claimed, host)) return "";
  return host;
}

/* The host that a text looks like; null when it looks like none. */
function claimedHost(text: string): string | null {
  const lower = text.slice(0, 512).toLowerCase(); /* with /i browsers need 3 ms to make this pattern ready */
  const found = /^\W*(?:https?:\/\/)?(?:[^\s/@]*@)?((?:[\p{L}\p{N}-]+\.)+\p{L}{2,}|\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?(?:[/?#]|\W*$|\s)/u.exec(lower);
  return found?.[1] ?? null;
}

function sameSite(claimed: string, host: string): boolean {
  const bare = host.replace(/:\d+$/, "").replace(/^www\./, "");
  const said = claimed.replace(/^www\./, "");
  return bare === said;
}
