/*
 * Conversations as files, out and in: JSON (everything, version 1) and Markdown (what a person reads).
 *
 *   {"format": "seawall-conversations", "version": 1, "conversations": [{"title": …, "messages": [{"id", "parentId", "role", "text", …}]}]}
 *
 * A file is checked whole before anything of it is kept (check.ts). What comes in gets new ids.
 */
import { checkFile, FORMAT, VERSION, type FileConversation, type FileMessage } from "./check";
import { newId } from "./ids";
import { readMarkdown, writeMarkdown } from "./markdownFile";
import { pathTo, treeOf, type Tree } from "./tree";
import { TransferError, type Conversation, type ConversationStore, type Message, type Transfer } from "./types";

export const FILE_BYTES_MAX = 128 * 1024 * 1024;

export function createTransfer(store: ConversationStore, now: () => number = Date.now): Transfer {
  return {
    async toJson(ids) {
      const conversations: FileConversation[] = [];
      for (const id of ids) {
        const opened = await store.open(id);
        if (opened) conversations.push(forFile(opened.conversation, opened.messages));
      }
      return new Blob([JSON.stringify({ format: FORMAT, version: VERSION, conversations })], { type: "application/json" });
    },
    async toMarkdown(id) {
      const opened = await store.open(id);
      if (!opened) throw new TransferError("unreadable", "This conversation does not exist any more.");
      const path = pathTo(treeOf(opened.messages), opened.conversation.leaf).map((branch) => branch.message);
      return new Blob([writeMarkdown(opened.conversation, path)], { type: "text/markdown" });
    },
    async fromJson(file) {
      const conversations = checkFile(parse(await textOf(file)));
      return keep(store, conversations);
    },
    async fromMarkdown(file) {
      const { title, systemPrompt, sections } = readMarkdown(await textOf(file));
      const atMs = now();
      const messages = sections.map((section, at): FileMessage => {
        const message: FileMessage = { id: String(at), parentId: at === 0 ? null : String(at - 1), role: section.role, text: section.text, createdMs: atMs + at };
        if (section.reasoning !== "") message.reasoning = section.reasoning;
        if (section.role === "assistant") message.finish = "stop";
        return message;
      });
      return keep(store, [{ title, createdMs: atMs, updatedMs: atMs, leaf: messages.at(-1)?.id ?? null, model: "", systemPrompt, sampling: {}, messages }]);
    },
  };
}

async function textOf(file: Blob): Promise<string> {
  if (file.size > FILE_BYTES_MAX) throw new TransferError("too_large", `The file is larger than ${FILE_BYTES_MAX / 1024 / 1024} MiB.`);
  try {
    return await file.text();
  } catch {
    throw new TransferError("unreadable", "The file cannot be read.");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TransferError("not_json", "The file is not JSON.");
  }
}

function forFile(conversation: Conversation, messages: readonly Message[]): FileConversation {
  const { id: _, ...rest } = conversation;
  const tree = treeOf(messages);
  const leaf = rest.leaf !== null && tree.byId.has(rest.leaf) ? rest.leaf : null;
  return { ...rest, leaf, messages: parentsFirst(tree).map(({ conversationId: _of, resume: _resume, earlier: _earlier, refusal: _refusal, ...message }) => ({ ...message, parentId: parentOf(tree, message.parentId) })) };
}

function parentOf(tree: Tree, parentId: string | null): string | null {
  return parentId !== null && tree.byId.has(parentId) ? parentId : null;
}

function parentsFirst(tree: Tree): Message[] {
  const ordered = [...(tree.children.get(null) ?? [])];
  for (let at = 0; at < ordered.length; at++) ordered.push(...(tree.children.get(ordered[at]?.id ?? "") ?? []));
  return ordered;
}

async function keep(store: ConversationStore, conversations: readonly FileConversation[]): Promise<{ conversations: number; messages: number }> {
  const saved: Promise<void>[] = [];
  let count = 0;
  for (const { messages, leaf, ...conversation } of conversations) {
    const conversationId = newId();
    const ids = new Map(messages.map((message) => [message.id, newId()]));
    const renamed = (id: string | null): string | null => (id === null ? null : (ids.get(id) ?? null));
    for (const message of messages) {
      saved.push(store.saveMessage({ ...message, id: ids.get(message.id) ?? newId(), parentId: renamed(message.parentId), conversationId }));
    }
    count += messages.length;
    saved.push(store.saveConversation({ ...conversation, id: conversationId, leaf: renamed(leaf) }));
  }
  await Promise.all(saved);
  return { conversations: conversations.length, messages: count };
}
