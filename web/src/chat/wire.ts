/*
 * A path of the conversation's tree as it goes to the model: the system prompt first, files inside the text that they came with, and of answers only the
 * text. Unfinished questions have no empty answers behind them.
 */
import type { WireMessage } from "../api/types";
import type { Attachment, Message } from "../store/types";

const CONTINUE = "Continue exactly where you stopped. Do not repeat anything and do not comment on the interruption.";

export function toWire(systemPrompt: string, path: readonly Message[]): WireMessage[] {
  const wire: WireMessage[] = systemPrompt.trim() === "" ? [] : [{ role: "system", content: systemPrompt }];
  for (const message of path) {
    const content = message.role === "user" ? withFiles(message.text, message.attachments ?? []) : message.text;
    if (content !== "") wire.push({ role: message.role, content });
  }
  return wire;
}

/* For an answer that was cut: the model sees what it said, and is asked to go on. */
export function toContinue(systemPrompt: string, path: readonly Message[]): WireMessage[] {
  return [...toWire(systemPrompt, path), { role: "user", content: CONTINUE }];
}

/* Each file in a fence that is longer than any inside it. */
export function withFiles(text: string, files: readonly Attachment[]): string {
  const fenced = files.map((file) => {
    const longest = (file.text.match(/`{3,}/g) ?? []).reduce((length, run) => Math.max(length, run.length), 2);
    const fence = "`".repeat(longest + 1);
    return `File: ${file.name.replace(/[\r\n]+/g, " ")}\n${fence}\n${file.text}${file.text.endsWith("\n") ? "" : "\n"}${fence}\n`;
  });
  return [...fenced, text].filter((part) => part !== "").join("\n");
}

/* Bytes of the body that they make, about: JSON's own marks included, escapes not counted twice. */
export function wireBytes(messages: readonly WireMessage[]): number {
  const encoder = new TextEncoder();
  return messages.reduce((bytes, message) => bytes + encoder.encode(JSON.stringify(message)).length + 1, 256);
}

/* A name for a conversation from its first question: its first line, cut at a word. */
export function titleFrom(question: string, charsMax = 60): string {
  const line = question.split("\n").map((one) => one.replace(/^[#>*\-\s`]+/, "").trim()).find((one) => one !== "") ?? "";
  const chars = [...line];
  if (chars.length <= charsMax) return line;
  const cut = chars.slice(0, charsMax).join("");
  const space = cut.lastIndexOf(" ");
  return `${(space > charsMax / 2 ? cut.slice(0, space) : cut).trimEnd()}…`;
}
