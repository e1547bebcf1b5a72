/*
 * A scripted door: one answer whose connection goes at given places, and that can be returned to; and a clock that runs when somebody waits.
 */
import type { Clock } from "../../src/api/clock";

export class TestClock implements Clock {
  nowMs = 1_000_000;
  isOnline = true;
  waits: number[] = [];
  now = (): number => this.nowMs;
  random = (): number => 0.5;
  online = (): boolean => this.isOnline;

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.waits.push(ms);
    await new Promise((resolve) => setTimeout(resolve));
    if (!signal.aborted) this.nowMs += ms;
  }
}

export interface Call {
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string;
}

export type Reply = (call: Call, signal: AbortSignal) => Response | Promise<Response>;

export function scripted(replies: Reply[]): { fetch: typeof fetch; calls: Call[] } {
  const calls: Call[] = [];
  const play = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    const call: Call = { url: String(url), method: init.method ?? "GET", headers: init.headers as Record<string, string>, body: typeof init.body === "string" ? init.body : "" };
    calls.push(call);
    if (call.method === "DELETE") return new Response(null, { status: 204 });
    const reply = replies.shift();
    if (!reply) throw new TypeError("no network");
    return reply(call, init.signal ?? new AbortController().signal);
  };
  return { fetch: play as typeof fetch, calls };
}

/* A stream of these pieces, one a read; "cut" ends it as a lost connection does, "hang" never ends. */
export function stream(pieces: (string | Uint8Array)[], headers: Record<string, string> = {}, end: "end" | "cut" | "hang" = "end"): Response {
  const left = pieces.map((piece) => (typeof piece === "string" ? new TextEncoder().encode(piece) : piece));
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = left.shift();
      if (next) controller.enqueue(next);
      else if (end === "cut") controller.error(new TypeError("connection lost"));
      else if (end === "end") controller.close();
      else return new Promise(() => undefined);
      return undefined;
    },
  });
  return new Response(body, { status: 200, headers: { "content-type": "text/event-stream", ...headers } });
}

export const event = (id: number | null, data: object | string): string => `${id === null ? "" : `id: ${id}\n`}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
export const text = (content: string): object => ({ model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] });
export const finish = (reason: string): object => ({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });

export function refusal(status: number, code: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ error: { message: `it is ${code}`, type: "t", param: null, code } }), { status, headers: { "content-type": "application/json", ...headers } });
}
