/*
 * One answer, from its asking to its end: asks, reads the stream, comes back for it when the connection goes, and tries again when it was refused with a time.
 *
 *   run ──▶ ask ──▶ read ──▶ done | broken (an error event, or lost without a way back)
 *            │        └─ connection lost, has a stream id ──▶ return ──▶ read …       (RETURN_* below)
 *            │                                                  └─ no way back, and nothing of it had come: as refused
 *            └─ refused with a time ──▶ wait ──▶ ask …                                (AGAIN_* below)
 *
 * What always holds: an event of the door that carries an id is told at most once, and those before the last one are never left out by us; nothing is told
 * after `done`, `stopped`, `broken`, a final `refused`, or leave(); a listener that throws loses that one event and nothing else.
 *
 * All text of one read of the network goes out as one event, however many the door had put into it.
 */
import { bearer, unreachable, type Connection } from "./connection";
import { SseReader, type SseEvent } from "./sse";
import { ThinkSplitter } from "./think";
import type { AnswerEvent, AnswerHandle, AnswerState, Ask, Finish, Reduction, Refusal, ResumePoint, Usage } from "./types";
import { readChunk, readComment, readReductions, readRefusal, type Chunk } from "./wire";

/* Coming back after a lost connection: doubling pauses from the first to the last, within a window that begins anew whenever something came. */
export const RETURN_FIRST_MS = 300;
export const RETURN_PAUSE_MS_MAX = 5_000;
export const RETURN_WINDOW_MS = 20_000;
/* A browser that knows it is offline waits this long for its network before the window begins. */
export const OFFLINE_MS_MAX = 600_000;
/* A resumable stream that is silent for so long is taken for dead: coming back costs nothing. */
export const SILENCE_MS_MAX = 30_000;
/* A connection that lasted so long counts as something that came. */
const LASTED_MS = 5_000;
/* Asking again after a refusal. */
export const AGAIN_TRIES_MAX = 40;
export const AGAIN_WINDOW_MS = 600_000;
/* The door could not be reached at all. */
const UNREACHABLE_TRIES_MAX = 6;
/* Nobody behind the door, or a door that was restarted while the call waited, and no time named: perhaps only for a moment. */
export const ABSENT_TRIES_MAX = 2;
const ABSENT_CODES = new Set(["bad_gateway", "model_unavailable", "stream_not_found"]);

type Listener = (event: AnswerEvent) => void;
type Refused = { kind: "refused"; refusal: Refusal; ticket: string | null; final?: true }; /* final: it was the stream's last word */
type Outcome = { kind: "end" } | { kind: "lost" } | Refused;

const FINISHES: Record<string, Finish> = { stop: "stop", length: "length" };

export class Answer implements AnswerHandle {
  skipped = 0; /* events of the engine that could not be read */
  private over = false;
  private abort = new AbortController();
  private nap: AbortController | null = null; /* the wait between a refusal and the next try */
  private streamId: string | null = null;
  private lastEventId = 0;
  private deliveredId = 0;
  private splitter: ThinkSplitter;
  private state: AnswerState | null = null;
  private lastProgressMs: number;
  /* Of the connection that is read now. */
  private reading: AbortController | null = null;
  private requestId = "";
  private model = "";
  private reductions: Reduction[] = [];
  private spoke = false; /* reasoning or text has been told */
  private finish: string | null = null;
  private cut = false;
  private outcome: Outcome | null = null;
  private pending: { kind: "reasoning" | "text"; text: string } | null = null;

  constructor(
    private readonly connection: Connection,
    private readonly listener: Listener,
    private readonly ask: Ask | null,
    point: ResumePoint | null,
  ) {
    this.splitter = new ThinkSplitter(point && point.lastEventId > 0 ? (point.tagged ? "inside" : "text") : "start");
    if (point) {
      this.streamId = point.streamId;
      this.lastEventId = point.lastEventId;
      this.deliveredId = point.lastEventId;
    }
    this.model = ask?.model ?? "";
    this.lastProgressMs = connection.clock.now();
  }

  start(): this {
    const running = this.ask ? this.runAsk(this.ask) : this.comeBack();
    running.catch((error: unknown) => {
      console.error(error);
      this.end({ kind: "broken", why: "lost" });
    });
    return this;
  }

  stop(): void {
    if (this.over) return;
    this.flush();
    this.end({ kind: "stopped" });
    if (this.streamId !== null) {
      const request = { method: "DELETE", headers: this.headers(), keepalive: true };
      this.connection.fetch(this.streamUrl(), request).catch(() => undefined); /* its grace ends it */
    }
  }

  now(): void {
    this.nap?.abort();
  }

  leave(): void {
    this.over = true;
    this.letLoose();
  }

  /* ---- asking ---- */

  private async runAsk(ask: Ask): Promise<void> {
    const { clock } = this.connection;
    const beganMs = clock.now();
    let ticket: string | null = null;
    let unreachable = 0;
    let absent = 0;
    for (let tries = 1; !this.over; tries++) {
      const asked: Outcome = await this.askOnce(ask, ticket);
      const outcome = asked.kind === "lost" ? await this.comeBack() : asked;
      if (this.over || outcome?.kind !== "refused") return;
      ticket = outcome.ticket ?? ticket;
      const { refusal } = outcome;
      unreachable = refusal.status === 0 ? unreachable + 1 : 0;
      absent = isAbsent(refusal) ? absent + 1 : 0;
      const pauseMs = unreachable + absent > 0 ? this.pause(unreachable + absent) : refusal.retryAfterMs;
      const patient = tries < AGAIN_TRIES_MAX && unreachable <= UNREACHABLE_TRIES_MAX && absent <= ABSENT_TRIES_MAX;
      const goesOn = pauseMs !== null && patient && clock.now() + pauseMs - beganMs <= AGAIN_WINDOW_MS;
      if (!goesOn) return this.end({ kind: "refused", refusal, againAtMs: null });
      this.nap = new AbortController();
      this.tell({ kind: "refused", refusal, againAtMs: clock.now() + pauseMs });
      if (!this.over) await clock.wait(pauseMs, this.nap.signal, refusal.status === 0);
      this.nap = null;
    }
  }

  private async askOnce(ask: Ask, ticket: string | null): Promise<Outcome> {
    const headers = this.headers();
    headers["Content-Type"] = "application/json";
    headers["Seawall-Resumable"] = "yes";
    headers["Seawall-Progress"] = "yes";
    if (ticket !== null) headers["Seawall-Ticket"] = ticket;
    const body = JSON.stringify({ model: ask.model, messages: ask.messages, stream: true, stream_options: { include_usage: true }, ...ask.sampling });
    const response = await this.request("/v1/chat/completions", { method: "POST", headers, body });
    if (!response) return unreachableOutcome();
    if (!isStream(response)) return this.refusedBy(response);
    this.streamId = response.headers.get("seawall-stream");
    this.lastEventId = this.deliveredId = 0; /* each stream counts its own, a refused one before it too */
    this.splitter = new ThinkSplitter("start");
    this.requestId = response.headers.get("x-request-id") ?? "";
    this.reductions = readReductions(response.headers.get("seawall-reduced"));
    this.tellHead();
    const outcome = await this.read(response);
    if (outcome.kind === "refused") this.streamId = null;
    if (outcome.kind === "lost" && this.streamId === null) return this.noWayBack(unreachableOutcome(), "lost") ?? { kind: "end" };
    return outcome;
  }

  /* ---- coming back ---- */

  /* Until the answer is over. Or a refusal, when there is no way back to it and nothing of it had come: then it may be asked for again. */
  private async comeBack(): Promise<Refused | null> {
    const { clock } = this.connection;
    let before = this.state;
    let sinceMs = clock.now();
    let tries = 0;
    for (;;) {
      tries += 1;
      this.tell({ kind: "returning", tries });
      if (tries > 1 || before !== null) await clock.wait(this.pause(tries), this.abort.signal, true);
      if (this.over) return null;
      const beganMs = clock.now();
      const outcome = await this.returnOnce(before);
      if (this.state && this.state.kind !== "returning") before = this.state;
      if (this.over || outcome.kind === "end") return null;
      if (outcome.kind === "refused" && (outcome.final || !passes(outcome.refusal))) return this.noWayBack(outcome, outcome.refusal.code || "lost");
      if (outcome.kind === "lost" && (this.lastProgressMs >= beganMs || clock.now() - beganMs >= LASTED_MS)) {
        tries = 0;
        sinceMs = clock.now();
      }
      if (clock.now() - sinceMs >= RETURN_WINDOW_MS) {
        const offline = !clock.online();
        if (offline) await clock.wait(OFFLINE_MS_MAX, this.abort.signal, true);
        if (this.over) return null;
        if (!offline || !clock.online()) return this.noWayBack(unreachableOutcome(), "lost");
        tries = 0;
        sinceMs = clock.now();
      }
    }
  }

  private async returnOnce(before: AnswerState | null): Promise<Outcome> {
    const headers = this.headers();
    headers["Last-Event-ID"] = String(this.lastEventId);
    headers["Seawall-Progress"] = "yes";
    const response = await this.request(this.streamUrl(), { method: "GET", headers });
    if (!response) return unreachableOutcome();
    if (!isStream(response)) return this.refusedBy(response);
    this.requestId = response.headers.get("x-request-id") ?? this.requestId;
    if (this.ask === null) this.tellHead();
    if (before && before.kind !== "returning" && before.kind !== "refused") this.tell(before);
    const outcome = await this.read(response);
    return outcome.kind === "refused" ? { ...outcome, final: true } : outcome;
  }

  /* What came is broken off; of what nobody has seen a word of, another one is as good. */
  private noWayBack(refused: Refused, why: string): Refused | null {
    if (this.ask && !this.spoke && !this.splitter.holds) {
      this.streamId = null;
      return refused;
    }
    this.end({ kind: "broken", why });
    return null;
  }

  /* ---- a connection ---- */

  private async request(url: string, init: RequestInit): Promise<Response | null> {
    this.reading = new AbortController();
    const { reading } = this;
    try {
      return await this.connection.fetch(url.startsWith("/") ? this.connection.base + url : url, { ...init, signal: reading.signal, cache: "no-store", credentials: "omit" });
    } catch {
      return null;
    }
  }

  private async refusedBy(response: Response): Promise<Outcome> {
    const { ticket, ...refusal } = await readRefusal(response, this.connection.clock.now()).catch(() => ({ ...unreachable(), ticket: null }));
    if (response.ok) refusal.code = "no_stream";
    return { kind: "refused", refusal, ticket };
  }

  private async read(response: Response): Promise<Outcome> {
    this.outcome = null;
    const sse = new SseReader({ event: (event) => this.hear(event), comment: (text) => this.notice(text) });
    const reader = response.body?.getReader();
    while (reader && !this.over) {
      const bytes = await this.readSome(reader);
      if (bytes === null) break;
      sse.push(bytes);
      this.skipped += sse.dropped;
      sse.dropped = 0;
      this.flush();
      if (this.outcome) break;
    }
    this.reading?.abort();
    if (this.over) return { kind: "end" };
    return this.outcome ?? this.atLoss();
  }

  private async readSome(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | null> {
    const { reading } = this;
    const silence = this.streamId === null ? undefined : setTimeout(() => reading?.abort(), SILENCE_MS_MAX);
    try {
      const { done, value } = await reader.read();
      return done ? null : value;
    } catch {
      return null;
    } finally {
      clearTimeout(silence);
    }
  }

  /* The connection ended before [DONE]. Where the engine had said why it ended, only figures are missing. */
  private atLoss(): Outcome {
    if (this.finish === null) return { kind: "lost" };
    this.finishWell();
    return { kind: "end" };
  }

  /* ---- what the door says ---- */

  private notice(text: string): void {
    const notice = readComment(text);
    if (this.over || !notice) return;
    this.lastProgressMs = this.connection.clock.now();
    if (notice.kind === "reduced") {
      this.reductions = notice.reductions;
      this.tellHead();
    } else if (!this.spoke) {
      this.tell(notice.kind === "admitted" ? { kind: "near" } : { kind: "queued", waiting: notice.waiting, estimateMs: notice.estimateMs });
    }
  }

  private hear(event: SseEvent): void {
    if (this.over || this.outcome) return;
    const id = event.id !== null && /^\d{1,15}$/.test(event.id) ? Number(event.id) : null;
    if (id !== null && id <= this.lastEventId) return;
    if (id !== null) this.lastEventId = id;
    this.lastProgressMs = this.connection.clock.now();
    if (event.data === "[DONE]") {
      this.finishWell();
      this.outcome = { kind: "end" };
      return;
    }
    const chunk = readChunk(event.data);
    if (chunk?.error) this.fail(chunk.error);
    else if (chunk) this.take(chunk);
    else this.skipped += 1;
  }

  private take(chunk: Chunk): void {
    if (chunk.model !== undefined && chunk.model !== this.model) {
      this.model = chunk.model;
      this.tellHead();
    }
    if (chunk.reasoning !== undefined) this.gather("reasoning", chunk.reasoning);
    if (chunk.text !== undefined) {
      const split = this.splitter.push(chunk.text);
      this.gather("reasoning", split.reasoning);
      this.gather("text", split.text);
    }
    if (!this.splitter.holds) this.deliveredId = this.lastEventId;
    if (chunk.finish !== undefined) this.finish = chunk.finish;
    if (chunk.cut) this.cut = true;
    if (chunk.reductions) {
      this.reductions = chunk.reductions;
      this.tellHead();
    }
    if (chunk.usage) {
      this.flush();
      this.emit({ kind: "usage", usage: chunk.usage satisfies Usage });
    }
  }

  private fail({ ticket, ...refusal }: Refusal & { ticket: string | null }): void {
    this.flush();
    if (!this.spoke && !this.splitter.holds) {
      this.outcome = { kind: "refused", refusal, ticket };
      return;
    }
    this.letGo();
    this.end({ kind: "broken", why: refusal.code || "lost" });
  }

  private finishWell(): void {
    this.letGo();
    const finish = this.cut ? "cut" : (FINISHES[this.finish ?? "stop"] ?? "other");
    this.end({ kind: "done", finish });
  }

  private letGo(): void {
    const split = this.splitter.end();
    this.gather("reasoning", split.reasoning);
    this.gather("text", split.text);
    this.deliveredId = this.lastEventId;
    this.flush();
  }

  /* ---- what the listener hears ---- */

  private gather(kind: "reasoning" | "text", text: string): void {
    if (text === "") return;
    if (this.pending && this.pending.kind !== kind) this.flush();
    if (this.pending) this.pending.text += text;
    else this.pending = { kind, text };
  }

  private flush(): void {
    const { pending } = this;
    if (!pending || this.over) return;
    this.pending = null;
    this.spoke = true;
    this.tell({ kind: pending.kind === "text" ? "answering" : "reasoning" });
    const eventId = this.streamId === null ? null : this.deliveredId;
    if (pending.kind === "text") this.emit({ kind: "text", text: pending.text, eventId });
    else this.emit({ kind: "reasoning", text: pending.text, eventId, tagged: this.splitter.inside });
  }

  private tellHead(): void {
    this.emit({ kind: "head", requestId: this.requestId, model: this.model, reductions: this.reductions, streamId: this.streamId });
  }

  /* The one place where the state changes; the same state twice is told once. */
  private tell(state: AnswerState): void {
    if (this.over) return;
    const same = this.state?.kind === state.kind && (state.kind === "near" || state.kind === "reasoning" || state.kind === "answering");
    this.state = state;
    if (!same) this.emit({ kind: "state", state });
  }

  private end(state: AnswerState): void {
    if (this.over) return;
    this.tell(state);
    this.over = true;
    this.letLoose();
  }

  private letLoose(): void {
    this.abort.abort();
    this.nap?.abort();
    this.reading?.abort();
  }

  private emit(event: AnswerEvent): void {
    if (this.over) return;
    try {
      this.listener(event);
    } catch (error) {
      console.error(error);
    }
  }

  /* ---- small ---- */

  private headers(): Record<string, string> {
    return bearer(this.connection.key());
  }

  private streamUrl(): string {
    return `${this.connection.base}/v1/streams/${encodeURIComponent(this.streamId ?? "")}`;
  }

  private pause(tries: number): number {
    const ms = Math.min(RETURN_FIRST_MS * 2 ** Math.min(tries - 1, 10), RETURN_PAUSE_MS_MAX);
    return ms * (0.75 + this.connection.clock.random() / 2);
  }
}

function isStream(response: Response): boolean {
  return response.ok && /^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
}

/* With a time it is the door's word, and waited for. */
function isAbsent({ status, code, retryAfterMs }: Refusal): boolean {
  return retryAfterMs === null && (status === 502 || status === 503 || ABSENT_CODES.has(code));
}

/* Refused while coming back, but worth another try: busy, restarting, or somebody between us and the door. */
function passes(refusal: Refusal): boolean {
  return refusal.status === 0 || refusal.status === 429 || refusal.status >= 500 || refusal.code === "no_stream";
}

function unreachableOutcome(): Refused {
  return { kind: "refused", refusal: unreachable(), ticket: null };
}
