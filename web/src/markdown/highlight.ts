/*
 * Code as coloured elements; loaded when the first code block is drawn. Only spans with classes that begin with `hljs-` and text come out.
 */
import type { Element as HastElement, ElementContent, Root, RootContent } from "hast";
import { createLowlight, common } from "lowlight";
import { h, type ComponentChild } from "preact";

/* The languages are made ready in slices of this length: all at once they would hold up a phone's page. */
const SLICE_MS = 8;

const lowlight = createLowlight();
const ready = prepare();

async function prepare(): Promise<void> {
  let began = performance.now();
  for (const [name, grammar] of Object.entries(common)) {
    if (performance.now() - began > SLICE_MS) {
      await pause();
      began = performance.now();
    }
    lowlight.register(name, grammar);
  }
  lowlight.registerAlias({ bash: ["zsh", "console", "terminal"], javascript: ["node"], json: ["jsonc", "json5"], plaintext: ["output"] });
  await pause();
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/* Null: the language is not known. */
export async function highlight(lang: string, text: string): Promise<ComponentChild[] | null> {
  await ready;
  if (!lowlight.registered(lang)) return null;
  return children(lowlight.highlight(lang, text));
}

function children(parent: Root | HastElement): ComponentChild[] {
  return (parent.children as (RootContent | ElementContent)[]).map(node);
}

function node(content: RootContent | ElementContent): ComponentChild {
  if (content.type === "text") return content.value;
  if (content.type !== "element") return null;
  const names = content.properties.className;
  const known = Array.isArray(names) ? names.filter((name) => /^(?:hljs-[\w-]+|[\w-]+_)$/.test(String(name))) : [];
  return h("span", { class: known.join(" ") }, children(content));
}
