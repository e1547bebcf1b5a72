/*
 * One answer under way: what the client tells of it becomes a message, drawn blocks and signals.
 *
 *   begin | comeBack ──▶ (AnswerState of api/types.ts) ──▶ over: finish is set, saved, host.ended()
 *        ▲ tryNow, while it is refused with a time
 *
 * What always holds: the text, and the place in the door's events that it reaches, are saved together, so that a reload neither shows a word twice nor loses
 * one. Signals change at most once a frame, however many tokens came. After `over` nothing changes any more.
 */
import { signal } from "@preact/signals";
import type { AnswerEvent, AnswerHandle, AnswerState, ApiClient, Ask, Reduction, Refusal } from "../api/types";
import { createMarkdownStream } from "../markdown/stream";
import type { Block, MarkdownStream } from "../markdown/types";
import type { Message } from "../store/types";
import { askedMs, whole } from "./parts";

const SAVE_MS = 1_000;

export interface AnswerHost {
  client: ApiClient;
  now(): number;
  /* Calls back before the next drawing; soon, when nobody looks. */
  frame(draw: () => void): void;
  after(ms: number, call: () => void): void;
  save(message: Message): void;
  ended(answer: RunningAnswer): void;
}

export class RunningAnswer {
  /* Null: asked, and nothing heard yet. */
  readonly state = signal<AnswerState | null>(null);
  readonly blocks = signal<readonly Block[]>([]);
  readonly thoughts = signal<readonly Block[]>([]);
  readonly reductions = signal<readonly Reduction[]>([]);
  readonly requestId = signal("");
  readonly over = signal(false);
  /* Hears the text of the answer as it comes; whoever reads it aloud. */
  onText: ((text: string) => void) | null = null;

  private readonly text: MarkdownStream = createMarkdownStream();
  private readonly reasoning: MarkdownStream = createMarkdownStream();
  private handle: AnswerHandle | null = null;
  private listening = 0; /* which begin() or comeBack() may speak */
  private drawing = false;
  private saving = false;
  private askedMs: number;
  private thinkingSinceMs: number | null = null;

  /* `message` is ours from here on; its text so far is kept, and what comes is added. */
  constructor(
    private readonly host: AnswerHost,
    public message: Message,
    private readonly ask: Ask | null,
  ) {
    delete message.finish;
    delete message.refusal;
    this.askedMs = host.now();
    this.text.append(message.text);
    this.reasoning.append(message.reasoning ?? "");
    this.reductions.value = message.reductions ?? [];
    this.draw();
  }

  begin(): void {
    if (!this.ask) return;
    this.state.value = null;
    this.save();
    this.handle = this.host.client.ask(this.ask, this.listener());
  }

  /* By the point that is saved with the message; false when there is none. */
  comeBack(): boolean {
    const point = this.message.resume;
    if (!point) return false;
    this.askedMs = askedMs(this.message);
    this.state.value = { kind: "returning", tries: 0 };
    this.handle = this.host.client.resume(point, this.listener());
    return true;
  }

  /* There is no way back. */
  lose(): void {
    if (!this.over.value) this.enter({ kind: "broken", why: "lost" });
  }

  tryNow(): void {
    if (this.over.value || this.state.value?.kind !== "refused") return;
    this.state.value = null;
    this.handle?.now();
  }

  stop(): void {
    this.handle?.stop();
  }

  /* The page goes; the door keeps the answer for a while. */
  leave(): void {
    if (this.over.value) return;
    this.save();
    this.listening += 1;
    this.handle?.leave();
  }

  private listener(): (event: AnswerEvent) => void {
    const mine = ++this.listening;
    return (event) => {
      if (mine === this.listening && !this.over.value) this.hear(event);
    };
  }

  private hear(event: AnswerEvent): void {
    switch (event.kind) {
      case "head":
        this.hearHead(event);
        break;
      case "reasoning":
        this.mark();
        this.thinkingSinceMs ??= this.host.now();
        this.message.reasoning = (this.message.reasoning ?? "") + event.text;
        this.reasoning.append(event.text);
        this.reached(event.eventId, event.tagged);
        break;
      case "text":
        this.mark();
        this.endThinking();
        this.message.text += event.text;
        this.text.append(event.text);
        this.onText?.(event.text);
        this.reached(event.eventId, false);
        break;
      case "usage":
        this.message.usage = event.usage;
        break;
      case "state":
        this.enter(event.state);
        break;
    }
  }

  private hearHead(head: Extract<AnswerEvent, { kind: "head" }>): void {
    this.requestId.value = head.requestId;
    if (head.model !== "") this.message.model = head.model;
    this.reductions.value = head.reductions;
    if (head.reductions.length > 0) this.message.reductions = head.reductions;
    if (head.streamId === null || head.streamId === this.message.resume?.streamId) return;
    this.message.resume = { streamId: head.streamId, lastEventId: 0 };
    this.save();
  }

  private mark(): void {
    this.message.firstTokenMs ??= this.host.now() - this.askedMs;
  }

  private endThinking(): void {
    if (this.thinkingSinceMs === null) return;
    this.message.reasoningMs = (this.message.reasoningMs ?? 0) + this.host.now() - this.thinkingSinceMs;
    this.thinkingSinceMs = null;
  }

  private reached(eventId: number | null, tagged: boolean): void {
    const point = this.message.resume;
    if (point && eventId !== null) this.message.resume = { streamId: point.streamId, lastEventId: eventId, ...(tagged ? { tagged } : {}) };
    this.saveSoon();
    if (this.drawing) return;
    this.drawing = true;
    this.host.frame(() => {
      this.drawing = false;
      this.draw();
    });
  }

  /* The one place where an answer ends. */
  private enter(state: AnswerState): void {
    this.state.value = state;
    if (state.kind === "done") this.end(state.finish);
    else if (state.kind === "stopped") this.end("stopped");
    else if (state.kind === "broken") this.end("broken", refusalOf(state.why));
    else if (state.kind === "refused" && state.againAtMs === null) this.end("broken", state.refusal);
  }

  private end(finish: NonNullable<Message["finish"]>, refusal?: Refusal): void {
    this.endThinking();
    this.text.finish();
    this.reasoning.finish();
    this.message.totalMs = this.host.now() - this.askedMs;
    this.message = whole(this.message);
    this.message.finish = finish;
    if (refusal) this.message.refusal = refusal;
    delete this.message.resume;
    this.draw();
    this.over.value = true;
    this.save();
    this.host.ended(this);
  }

  private draw(): void {
    this.blocks.value = [...this.text.blocks()];
    if (this.message.reasoning) this.thoughts.value = [...this.reasoning.blocks()];
  }

  /* Also what came last before a silence. */
  private saveSoon(): void {
    if (this.saving) return;
    this.saving = true;
    const mine = this.listening;
    this.host.after(SAVE_MS, () => {
      this.saving = false;
      if (mine === this.listening && !this.over.value) this.save();
    });
  }

  private save(): void {
    this.host.save({ ...this.message });
  }
}

/* Of an answer that cannot be returned to. Where the key was refused another one may help. */
function refusalOf(why: string): Refusal | undefined {
  if (why === "lost") return undefined;
  return { status: why.endsWith("_api_key") ? 401 : 0, code: why, message: why, retryAfterMs: null, requestId: "" };
}
