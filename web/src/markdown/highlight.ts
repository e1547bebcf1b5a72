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

let worker: Worker | null = null;
const waiting: ((answer: Answer) => void)[] = [];

export async function highlight(question: Question): Promise<Answer> {
  try {
    worker ??= begin();
  } catch {
    return null; /* the browser has none: the text stands there already */
  }
  worker.postMessage(question);
  return new Promise((resolve) => waiting.push(resolve));
}

function begin(): Worker {
  const begun = new Worker(new URL("./highlightWorker.ts", import.meta.url), { type: "module" });
  begun.onmessage = ({ data }: MessageEvent<Answer>) => waiting.shift()?.(data);
  begun.onerror = () => waiting.splice(0).forEach((resolve) => resolve(null)); /* not loaded */
  return begun;
}

export function drawRun([text, ...classes]: Run): ComponentChild {
  return classes.reduceRight<ComponentChild>((inner, name) => h("span", { class: name }, inner), text);
}
