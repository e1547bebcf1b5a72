/* What every call to the door is made with. */
import type { Clock } from "./clock";
import type { Refusal } from "./types";

export interface Connection {
  base: string;
  key(): string | null;
  fetch: typeof fetch;
  clock: Clock;
}

export function bearer(key: string | null): Record<string, string> {
  return key === null || key === "" ? {} : { Authorization: `Bearer ${key}` };
}

export function unreachable(): Refusal {
  return { status: 0, code: "unreachable", message: "", retryAfterMs: null, requestId: "" };
}
