/*
 * What the door says, in the page's words. The wire forms are docs/resuming.md, docs/waiting.md and docs/degradation.md.
 *
 *   ask() ──▶ queued ──▶ near ──▶ reasoning ──▶ answering ──▶ done
 *               │          │          └──connection lost──▶ returning ──▶ (where it was)
 *               ├──────────┴──────────▶ refused (with a time to come back, or without)
 *               └─ any ──▶ stopped (by the user) | broken (cannot be resumed: "continue from what came")
 */

export type Role = "system" | "user" | "assistant";

/* A message as it goes over the wire; attached files are already part of the text. */
export interface WireMessage {
  role: Role;
  content: string;
}

export interface Sampling {
  temperature?: number; /* 0 to 2 */
  top_p?: number; /* above 0, to 1 */
  max_tokens?: number; /* 1 and up */
  seed?: number;
}

export interface Ask {
  model: string;
  messages: WireMessage[];
  sampling: Sampling;
}

export interface Usage {
  promptTokens: number;
  completionTokens: number;
  reasoningTokens: number; /* of the completion; 0 when the engine does not say */
}

/* What was left away of a request under load, from the header Seawall-Reduced. */
export interface Reduction {
  step: string; /* as in docs/degradation.md */
  detail: string; /* its argument, may be empty */
}

export interface Refusal {
  status: number; /* HTTP; 0: no answer came at all */
  code: string; /* the door's reason code, in lower case as on the wire; "" when unknown */
  message: string; /* the door's own sentence, English */
  retryAfterMs: number | null;
  requestId: string;
}

export type Finish = "stop" | "length" | "cut" | "other";

/* How an answer stands; `kind` is the state of the figure above. */
export type AnswerState =
  | { kind: "queued"; waiting: number; estimateMs: number | null }
  | { kind: "near" } /* has its turn; the first token is being computed */
  | { kind: "reasoning" }
  | { kind: "answering" }
  | { kind: "returning"; tries: number } /* the connection went; the door goes on, we come back for it */
  | { kind: "refused"; refusal: Refusal; againAtMs: number | null } /* Date.now() of the next try by itself */
  | { kind: "done"; finish: Finish }
  | { kind: "stopped" }
  | { kind: "broken"; why: string }; /* a refusal's code, or "lost" */

/* Everything that a listener hears of one answer, in order. Text arrives exactly once. */
export type AnswerEvent =
  | { kind: "state"; state: AnswerState }
  | { kind: "head"; requestId: string; model: string; reductions: Reduction[]; streamId: string | null } /* again when more of it is known */
  | { kind: "reasoning"; text: string; eventId: number | null; tagged: boolean } /* tagged: behind a <think> of the model that is not closed yet */
  | { kind: "text"; text: string; eventId: number | null }
  | { kind: "usage"; usage: Usage };

export interface AnswerHandle {
  /* Stops the engine's work; the answer's last state is `stopped`. */
  stop(): void;
  /* Does not wait for the time of a refusal: asks again at once, with the ticket it gave. Nothing in any other state. */
  now(): void;
  /* Closes the connection and says no more; the door keeps the answer for its grace. For an unload of the page. */
  leave(): void;
}

/* A resumable answer as it is written beside its message, so that a reload finds it again. */
export interface ResumePoint {
  streamId: string;
  lastEventId: number; /* of the last reasoning or text that was kept; 0: none */
  tagged?: boolean; /* that was reasoning with `tagged` */
}

export interface ApiClient {
  /* Names of models that answer now; throws ApiError. */
  models(): Promise<string[]>;
  /* Asks; waits, comes back and tries again by itself. Never throws: all news goes to `listener`. */
  ask(ask: Ask, listener: (event: AnswerEvent) => void): AnswerHandle;
  /* Returns to an answer that this page, or an earlier one, left. */
  resume(point: ResumePoint, listener: (event: AnswerEvent) => void): AnswerHandle;
}

export class ApiError extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}
