/*
 * The door's client for the pages: which models there are, asking, and coming back for an answer.
 */
import type { Answer } from "./answer";
import { browserClock, type Clock } from "./clock";
import { bearer, unreachable, type Connection } from "./connection";
import { ApiError, type ApiClient } from "./types";
import { readRefusal } from "./wire";

export const MODELS_MAX = 1000;

export interface ClientOptions {
  base: string; /* "" for the page's own origin; without a slash at its end */
  key(): string | null; /* asked anew for each request */
  answer(): typeof Answer; /* looked up when one begins: a page loads it after its first view */
  fetch?: typeof fetch;
  clock?: Clock;
}

export function createClient(options: ClientOptions): ApiClient {
  const connection: Connection = {
    base: options.base,
    key: options.key,
    fetch: options.fetch ?? ((input, init) => fetch(input, init)),
    clock: options.clock ?? browserClock,
  };
  return {
    models: () => models(connection),
    ask: (ask, listener) => new (options.answer())(connection, listener, ask, null).start(),
    resume: (point, listener) => new (options.answer())(connection, listener, null, point).start(),
  };
}

async function models(connection: Connection): Promise<string[]> {
  let response: Response;
  try {
    response = await connection.fetch(`${connection.base}/v1/models`, { headers: bearer(connection.key()), cache: "no-store", credentials: "omit" });
  } catch {
    throw new ApiError(unreachable());
  }
  if (!response.ok) throw new ApiError(await readRefusal(response, connection.clock.now()));
  const root = (await response.json().catch(() => null)) as { data?: unknown } | null;
  if (!Array.isArray(root?.data)) throw new ApiError({ ...unreachable(), status: response.status, code: "no_list" });
  const names: string[] = [];
  for (const model of root.data.slice(0, MODELS_MAX) as ({ id?: unknown } | null)[]) {
    if (typeof model?.id === "string" && model.id !== "") names.push(model.id);
  }
  return names;
}
