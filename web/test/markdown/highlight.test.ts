/* What becomes of code when its worker does not answer; what it answers: view.test.tsx. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { highlight, type Answer } from "../../src/markdown/highlight";

class FakeWorker {
  static all: FakeWorker[] = [];
  onmessage: ((event: { data: Answer }) => void) | null = null;
  onerror: (() => void) | null = null;
  ended = false;

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(): void {}

  terminate(): void {
    this.ended = true;
  }
}

const QUESTION = { lang: "c", parts: ["int i;"] };
const newest = (): FakeWorker => FakeWorker.all.at(-1) as FakeWorker;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("Worker", FakeWorker);
});
afterEach(() => {
  newest().onerror?.(); /* the module forgets it */
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a worker that takes for ever is ended, and the next block has another one", async () => {
  const asked = [highlight(QUESTION), highlight(QUESTION)];
  const busy = newest();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await Promise.all(asked)).toEqual([null, null]);
  expect(busy.ended).toBe(true);

  const again = highlight(QUESTION);
  expect(newest()).not.toBe(busy);
  newest().onmessage?.({ data: [[["int i;"]]] });
  expect(await again).toEqual([[["int i;"]]]);
});

test("each answer has its own time", async () => {
  const asked = [highlight(QUESTION), highlight(QUESTION)];
  await vi.advanceTimersByTimeAsync(9_000);
  newest().onmessage?.({ data: [] });
  await vi.advanceTimersByTimeAsync(9_000);
  newest().onmessage?.({ data: null });
  expect(await Promise.all(asked)).toEqual([[], null]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(newest().ended).toBe(false); /* it rests */
});

test("one that does not load leaves nobody waiting", async () => {
  const asked = highlight(QUESTION);
  newest().onerror?.();
  expect(await asked).toBeNull();
});
