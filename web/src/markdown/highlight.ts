/*
 * Code as coloured elements. What is to be coloured is found in a worker (highlightWorker.ts), which begins when the first code block is drawn; only spans with
 * classes that begin with `hljs-` and text come out.
 */
import { h, type ComponentChild } from "preact";

export interface Question {
  lang: string;
  parts: readonly string[];
}

/* Text, and the classes around it, outermost first. */
export type Run = readonly [text: string, ...classes: string[]];

/* Of each part; null: it cannot be coloured. */
export type Answer = readonly (readonly Run[])[] | null;

/* So long one answer may take, the worker's loading too: what it reads may have been written to keep it busy. */
const ANSWER_MS_MAX = 10_000;

let worker: Worker | null = null;
let patience: ReturnType<typeof setTimeout> | undefined;
const waiting: ((answer: Answer) => void)[] = [];

export async function highlight(question: Question): Promise<Answer> {
  try {
    worker ??= begin();
  } catch {
    return null; /* the browser has none: the text stands there already */
  }
  worker.postMessage(question);
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) beginToWait();
  });
}

function begin(): Worker {
  const begun = new Worker(new URL("./highlightWorker.ts", import.meta.url), { type: "module" });
  begun.onmessage = ({ data }: MessageEvent<Answer>) => {
    waiting.shift()?.(data);
    beginToWait();
  };
  begun.onerror = giveUp; /* not loaded */
  return begun;
}

function beginToWait(): void {
  clearTimeout(patience);
  if (waiting.length > 0) patience = setTimeout(giveUp, ANSWER_MS_MAX);
}

/* All that wait stay without colours; the next block begins another worker. */
function giveUp(): void {
  clearTimeout(patience);
  worker?.terminate();
  worker = null;
  waiting.splice(0).forEach((resolve) => resolve(null));
}

export function drawRun([text, ...classes]: Run): ComponentChild {
  return classes.reduceRight<ComponentChild>((inner, name) => h("span", { class: name }, inner), text);
}
