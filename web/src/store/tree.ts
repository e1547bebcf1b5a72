/*
 * A conversation's tree: which path is shown, and which branches there are. Pure; linear in the messages.
 */
import type { Message } from "./types";

export interface Tree {
  byId: ReadonlyMap<string, Message>;
  children: ReadonlyMap<string | null, readonly Message[]>; /* in the order of their making */
}

export interface Branch {
  message: Message;
  siblings: readonly Message[]; /* with itself */
  index: number; /* of itself among them */
}

/* Messages whose parent is missing stand at the root. */
export function treeOf(messages: readonly Message[]): Tree {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const children = new Map<string | null, Message[]>();
  const ordered = [...messages].sort((a, b) => a.createdMs - b.createdMs || (a.id < b.id ? -1 : 1));
  for (const message of ordered) {
    const parent = message.parentId !== null && byId.has(message.parentId) ? message.parentId : null;
    const siblings = children.get(parent);
    if (siblings) siblings.push(message);
    else children.set(parent, [message]);
  }
  return { byId, children };
}

/* From the root to `leaf`, each with its siblings. An unknown leaf, or none, means the newest. Ends at a circle. */
export function pathTo(tree: Tree, leaf: string | null): Branch[] {
  const path: Branch[] = [];
  const seen = new Set<string>();
  const end = leaf !== null && tree.byId.has(leaf) ? leaf : newestLeaf(tree, null);
  for (let at = end === null ? undefined : tree.byId.get(end); at && !seen.has(at.id); at = at.parentId === null ? undefined : tree.byId.get(at.parentId)) {
    seen.add(at.id);
    const siblings = siblingsOf(tree, at);
    path.push({ message: at, siblings, index: siblings.indexOf(at) });
  }
  return path.reverse();
}

export function siblingsOf(tree: Tree, message: Message): readonly Message[] {
  const parent = message.parentId !== null && tree.byId.has(message.parentId) ? message.parentId : null;
  return tree.children.get(parent) ?? [message];
}

/* The end of the branch that begins at `from`, always by the newest child; null: of the whole conversation, or null when that is empty. */
export function newestLeaf(tree: Tree, from: string | null): string | null {
  let at = from;
  const seen = new Set<string | null>();
  for (let next = tree.children.get(at)?.at(-1); next && !seen.has(next.id); next = tree.children.get(at)?.at(-1)) {
    seen.add(next.id);
    at = next.id;
  }
  return at;
}
