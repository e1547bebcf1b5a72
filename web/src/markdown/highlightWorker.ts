/*
 * The worker that finds what is to be coloured in code: on a phone that takes longer than a page may stand still, and what it is asked was written by others.
 * One question, one answer, in order.
 */
import type { ElementContent, Root, RootContent } from "hast";
import { common, createLowlight } from "lowlight";
import type { Answer, Question, Run } from "./highlight";

/* Of a part; each becomes an element. One of more is no code that a person reads, and would hold up the page: it stays without colours. */
export const RUNS_MAX = 1_024;

const lowlight = createLowlight(common);
lowlight.registerAlias({ bash: ["zsh", "console", "terminal"], javascript: ["node"], json: ["jsonc", "json5"], plaintext: ["output"] });

addEventListener("message", ({ data }: MessageEvent<Question>) => postMessage(answerTo(data)));

/* The runs of each part; null: the language is not known, or its grammar fails. */
export function answerTo({ lang, parts }: Question): Answer {
  if (!lowlight.registered(lang)) return null;
  try {
    return cut(runsOf(lowlight.highlight(lang, parts.join("")), []), parts);
  } catch {
    return null;
  }
}

function runsOf(content: Root | RootContent | ElementContent, around: readonly string[]): Run[] {
  if (content.type === "text") return [[content.value, ...around]];
  if (content.type !== "element" && content.type !== "root") return [];
  const inside = content.type === "root" ? around : [...around, classOf(content.properties.className)];
  return (content.children as (RootContent | ElementContent)[]).flatMap((child) => runsOf(child, inside));
}

function classOf(names: unknown): string {
  return Array.isArray(names) ? names.filter((name) => /^(?:hljs-[\w-]+|[\w-]+_)$/.test(String(name))).join(" ") : "";
}

function cut(runs: readonly Run[], parts: readonly string[]): Run[][] {
  const waiting = [...runs].reverse();
  return parts.map((part) => {
    const taken: Run[] = [];
    for (let left = part.length; left > 0; ) {
      const [text, ...classes] = waiting.pop() as Run;
      taken.push([text.slice(0, left), ...classes]);
      if (text.length > left) waiting.push([text.slice(left), ...classes]);
      left -= text.length;
    }
    return taken.length > RUNS_MAX ? [[part]] : taken;
  });
}
