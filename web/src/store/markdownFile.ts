/*
 * A conversation as a Markdown file, and back.
 *
 *   # Title
 *   ## System | ## User | ## Assistant
 *   …the text as it is…
 *
 * Only the branch that is shown goes out. Reasoning stands in <details> before its answer; attached files follow their message as code. A line of the text
 * that looks like one of our headings gets a backslash, which is taken away on the way back.
 */
import { TransferError, type Conversation, type Message } from "./types";

export const SECTIONS_MAX = 10_000;

const HEADING = /^## (System|User|Assistant)\s*$/;
const REASONING = /^<details><summary>Reasoning<\/summary>\n\n([\s\S]*?)\n\n<\/details>\n\n?/;

export interface Section {
  role: "user" | "assistant";
  text: string;
  reasoning: string;
}

const protect = (text: string): string => text.replace(/^(?=\\*## (?:System|User|Assistant)[^\S\n]*$)/gm, "\\");
const release = (text: string): string => text.replace(/^\\(?=\\*## (?:System|User|Assistant)[^\S\n]*$)/gm, "");

export function writeMarkdown(conversation: Conversation, path: readonly Message[]): string {
  const parts = [`# ${conversation.title.replace(/\s+/g, " ").trim()}`];
  if (conversation.systemPrompt !== "") parts.push("## System", protect(conversation.systemPrompt));
  for (const message of path) {
    parts.push(message.role === "user" ? "## User" : "## Assistant");
    const reasoning = message.reasoning ? `<details><summary>Reasoning</summary>\n\n${message.reasoning}\n\n</details>\n\n` : "";
    parts.push(protect(reasoning + message.text));
    for (const file of message.attachments ?? []) {
      const fence = "`".repeat(Math.max(3, longestRun(file.text) + 1));
      parts.push(`Attached: ${file.name.replace(/\s+/g, " ")}`, `${fence}\n${protect(file.text)}\n${fence}`);
    }
  }
  return `${parts.join("\n\n")}\n`;
}

export function readMarkdown(text: string): { title: string; systemPrompt: string; sections: Section[] } {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const title = /^# (.*)$/.exec(lines[0] ?? "")?.[1]?.trim() ?? "";
  let systemPrompt = "";
  const sections: Section[] = [];
  let heading = "";
  let from = 0;
  const take = (to: number): void => {
    const body = release(lines.slice(from, to).join("\n").replace(/^\n+|\n+$/g, ""));
    if (heading === "System") systemPrompt = body;
    else if (heading !== "") sections.push(section(heading, body));
  };
  lines.forEach((line, at) => {
    const found = HEADING.exec(line);
    if (!found) return;
    take(at);
    heading = found[1] ?? "";
    from = at + 1;
    if (sections.length >= SECTIONS_MAX) throw new TransferError("malformed", `The file has more than ${SECTIONS_MAX} messages.`);
  });
  take(lines.length);
  if (sections.length === 0) throw new TransferError("no_messages", 'The file has no message: each begins with a line "## User" or "## Assistant".');
  return { title, systemPrompt, sections };
}

function section(heading: string, body: string): Section {
  const reasoning = heading === "Assistant" ? REASONING.exec(body) : null;
  return {
    role: heading === "User" ? "user" : "assistant",
    text: reasoning ? body.slice(reasoning[0].length) : body,
    reasoning: reasoning?.[1] ?? "",
  };
}

function longestRun(text: string): number {
  let longest = 0;
  for (const run of text.matchAll(/`+/g)) longest = Math.max(longest, run[0].length);
  return longest;
}
