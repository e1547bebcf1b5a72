/*
 * A link that signs in once: `#link=TOKEN`. The token leaves the address before anything else happens, so that neither the history nor a copied address
 * has it, and is exchanged for a key by POST /sign-in/link (docs/chat.md).
 */
import { ApiError, type Refusal } from "../api/types";

const TOKEN = /^#link=([\w.~-]{1,256})$/;

/* Null: this address has none. */
export function takeLinkToken(location: Location, history: History): string | null {
  const token = TOKEN.exec(location.hash)?.[1] ?? null;
  if (location.hash.startsWith("#link=")) history.replaceState(history.state, "", location.pathname + location.search);
  return token;
}

/* Throws ApiError. */
export async function exchangeLink(token: string, ask: typeof fetch = fetch): Promise<string> {
  let response: Response;
  try {
    response = await ask("/sign-in/link", { method: "POST", headers: { Authorization: `Link ${token}` }, credentials: "omit", cache: "no-store" });
  } catch {
    throw new ApiError(refusal(0, "unreachable", ""));
  }
  const body = (await response.json().catch(() => null)) as { key?: unknown; error?: { code?: unknown; message?: unknown } } | null;
  if (response.ok && typeof body?.key === "string") return body.key;
  const { code, message } = body?.error ?? {};
  throw new ApiError(refusal(response.status, typeof code === "string" ? code : "", typeof message === "string" ? message : ""));
}

const refusal = (status: number, code: string, message: string): Refusal => ({ status, code, message, retryAfterMs: null, requestId: "" });
