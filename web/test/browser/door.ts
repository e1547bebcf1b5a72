/*
 * The real daemon behind a test, and the scripted engine behind the daemon: door.py in words of this language. Each Door is a process of its own, with a free
 * port and a folder of its own; close() ends all of it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

/* What the engine does for one answer, in this order; an answer that is not over at the end is ended well. */
export type Step =
  | { text: string }
  | { reasoning: string }
  | { tokens: { of: string[]; pause?: number; times?: number } } /* one event each; pause in ms */
  | { pause: number } /* ms */
  | { hold: string } /* until release(name) */
  | { raw: string } /* bytes, as latin-1, inside the stream of events */
  | { cut: true } /* the engine is gone in mid-answer */
  | { refuse: { status: number; message?: string; retry_after?: number } }
  | { end: "stop" | "length" };

export interface EngineCall {
  body: { model: string; stream?: boolean; messages: { role: string; content: string }[]; [field: string]: unknown };
  hungUp: boolean; /* its caller went away before the end */
  ended: boolean;
}

/*
 * Of the configuration; `embedded` is a folder with a model, which then takes the engine's place, and so does the simulator when there is `simulated`: changes
 * to its preset vllm-cpu, such as { "answer.thinking_median": 60 }. Neither can be scripted.
 */
export type Settings = { embedded?: string; simulated?: Record<string, number>; [section: string]: unknown };

export interface Crowd {
  calls: number;
  tokens?: number; /* of each answer, at most */
  granted?: number; /* a budget, in tokens: then it goes before everybody without one */
  until?: Record<string, number>; /* metrics, and what they have to reach before it goes on */
}

const ANSWER_MS_MAX = 130_000; /* the embedded model may load for two minutes */

export class Door {
  private readonly lines: Interface;
  private readonly waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  private said = "";
  url = "";
  key = "";
  adminSocket = "";

  private constructor(private readonly process: ChildProcess) {
    this.lines = createInterface({ input: process.stdout! });
    this.lines.on("line", (line) => this.waiting.shift()?.resolve(line));
    process.stderr!.on("data", (data) => (this.said += data));
    process.on("exit", () => {
      for (const one of this.waiting.splice(0)) one.reject(new Error(`the door has ended: ${this.said}`));
    });
  }

  static async open(settings: Settings = {}): Promise<Door> {
    const program = fileURLToPath(new URL("door.py", import.meta.url));
    const door = new Door(spawn("python3", [program, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "pipe"] }));
    try {
      const { url, key, adminSocket } = JSON.parse(await door.line()) as Pick<Door, "url" | "key" | "adminSocket">;
      Object.assign(door, { url, key, adminSocket });
    } catch (error) {
      await door.close();
      throw error;
    }
    return door;
  }

  private line(): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the door says nothing: ${this.said}`)), ANSWER_MS_MAX);
      const heard = <T>(then: (value: T) => void) => (value: T) => (clearTimeout(late), then(value));
      this.waiting.push({ resolve: heard(resolve), reject: heard(reject) });
    });
  }

  private async order<T>(verb: string, more: object = {}): Promise<T> {
    const answer = this.line();
    this.process.stdin!.write(JSON.stringify({ do: verb, ...more }) + "\n");
    const said = JSON.parse(await answer) as { ok: T; error?: string };
    if (said.error !== undefined) throw new Error(said.error);
    return said.ok;
  }

  /* What the engine does from now on, for every call; forgets the calls so far. */
  script(...steps: Step[]): Promise<void> {
    return this.order("script", { steps });
  }
  release(name: string): Promise<void> {
    return this.order("release", { name });
  }
  calls(): Promise<EngineCall[]> {
    return this.order("calls");
  }
  /* The seawall tool, such as tool("key", "create", "ann"). */
  tool(...words: string[]): Promise<{ status: number; out: string; err: string }> {
    return this.order("tool", { words });
  }
  /* An address that signs in once. */
  link(): Promise<string> {
    return this.order("link");
  }
  configure(settings: Settings): Promise<void> {
    return this.order("configure", { settings });
  }
  /* Streams of another caller, until disperse(). */
  crowd(crowd: Crowd): Promise<void> {
    return this.order("crowd", crowd);
  }
  disperse(): Promise<void> {
    return this.order("disperse");
  }
  /* Kills the gateway and waits until the next one serves. */
  crash(): Promise<void> {
    return this.order("crash");
  }

  close(): Promise<void> {
    if (this.process.exitCode !== null) return Promise.resolve();
    const ended = new Promise<void>((resolve) => this.process.on("exit", () => resolve()));
    this.process.stdin!.end();
    return ended;
  }
}
