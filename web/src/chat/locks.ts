/*
 * Which tab writes an answer, so that two never come back for the same one: the door gives it to who came last, and they would take it from each other for ever.
 *
 * A lock of the browser, held from an answer's beginning to its end. Where there are none (a page without TLS) tabs ask each other (Claims).
 */
const nameOf = (messageId: string): string => `seawall-answer-${messageId}`;
const CHANNEL = "seawall-answers";
/* So long a tab has to say that it holds an answer; one that computes may be as late as this. */
const SAY_MS_MAX = 200;
/* A tab that crashed says nothing: so often it is asked whether it still holds one. */
const LOOK_AGAIN_MS = 5_000;

export type LetGo = () => void;

/* The rank of who begins an answer, above all of those who find it half written. */
export const BEGINS = 2;

/* Resolves to a function that lets go, or to null when another tab has it. `begins`: it is only just asked for, here. */
export function holdAnswer(messageId: string, begins = false): Promise<LetGo | null> {
  const { locks } = navigator;
  if (!locks) return claims().hold(nameOf(messageId), begins ? BEGINS : Math.random());
  return new Promise((resolve) => {
    locks
      .request(nameOf(messageId), { ifAvailable: true }, (lock) => {
        if (!lock) {
          resolve(null);
          return undefined;
        }
        return new Promise<void>((letGo) => resolve(letGo));
      })
      .catch(() => resolve(() => undefined));
  });
}

/* Resolves when no tab seems to hold it any more; holdAnswer() tells for sure. */
export async function answerFree(messageId: string): Promise<void> {
  const { locks } = navigator;
  if (!locks) return claims().free(nameOf(messageId));
  await locks.request(nameOf(messageId), {}, () => undefined).catch(() => undefined);
}

type Said = { say: "want" | "have" | "free"; name: string; rank: number };

/*
 * Names that one tab may hold at a time, agreed on by saying so. Who wants a name says it and has it when nobody objects: who holds it, or wants it as well and
 * has the higher rank. Two that speak at once agree by rank; a tab that cannot hear (none does) holds everything.
 */
export class Claims {
  private readonly held = new Set<string>();
  private readonly wanted = new Map<string, { rank: number; refuse: () => void }>();
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(private readonly channel: BroadcastChannel | null) {
    if (channel) channel.onmessage = (event: MessageEvent<Said>) => this.hear(event.data);
    globalThis.addEventListener?.("pagehide", () => this.letAllGo());
  }

  /* `rank` is drawn, below 1; or BEGINS. */
  hold(name: string, rank: number): Promise<LetGo | null> {
    if (this.held.has(name) || this.wanted.has(name)) return Promise.resolve(null);
    return new Promise((resolve) => {
      const settle = (got: boolean): void => {
        clearTimeout(timer);
        this.wanted.delete(name);
        if (got) this.held.add(name);
        resolve(got ? () => this.letGo(name) : null);
      };
      const timer = setTimeout(() => settle(true), this.channel ? SAY_MS_MAX : 0);
      this.wanted.set(name, { rank, refuse: () => settle(false) });
      this.say("want", name, rank);
    });
  }

  free(name: string): Promise<void> {
    return new Promise((resolve) => {
      const heard = this.waiting.get(name) ?? new Set();
      const done = (): void => {
        clearTimeout(timer);
        heard.delete(done);
        resolve();
      };
      const timer = setTimeout(done, LOOK_AGAIN_MS);
      this.waiting.set(name, heard.add(done));
    });
  }

  private letGo(name: string): void {
    if (this.held.delete(name)) this.say("free", name, 0);
  }

  private letAllGo(): void {
    for (const name of [...this.held]) this.letGo(name);
  }

  private say(say: Said["say"], name: string, rank: number): void {
    this.channel?.postMessage({ say, name, rank } satisfies Said);
  }

  private hear({ say, name, rank }: Said): void {
    const mine = this.wanted.get(name);
    if (say === "want") {
      const has = this.held.has(name) ? Infinity : (mine?.rank ?? 0);
      if (has > rank) this.say("have", name, has);
    } else if (say === "have") {
      if (mine && mine.rank < rank) mine.refuse();
    } else {
      for (const done of this.waiting.get(name) ?? []) done();
    }
  }
}

let ours: Claims | null = null;

function claims(): Claims {
  ours ??= new Claims(typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL));
  return ours;
}
