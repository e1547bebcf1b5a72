/*
 * Text files that go with a question. Only text is taken: a file with a zero byte, or with bytes that are no UTF-8, is refused in words. Files become part
 * of the text on the wire (wire.ts), so their sum is bounded.
 */
import type { Attachment } from "../store/types";

export const FILES_MAX = 10;
export const FILE_BYTES_MAX = 512 * 1024;
export const FILES_BYTES_MAX = 2 * 1024 * 1024;

export type FileRefusal =
  | { why: "binary" | "unreadable"; name: string }
  | { why: "large"; name: string; bytes: number }
  | { why: "total"; name: string }
  | { why: "many" };

export interface Taken {
  attachments: Attachment[]; /* those of before and the new ones */
  refusals: FileRefusal[];
}

type Readable = Pick<File, "name" | "size" | "arrayBuffer">;

export async function takeFiles(files: readonly Readable[], before: readonly Attachment[]): Promise<Taken> {
  const taken: Taken = { attachments: [...before], refusals: [] };
  let sum = before.reduce((bytes, one) => bytes + one.bytes, 0);
  for (const file of files) {
    const refusal = refuse(file, taken.attachments.length, sum);
    if (refusal) {
      taken.refusals.push(refusal);
      if (refusal.why === "many") break;
      continue;
    }
    const text = await readText(file);
    if (typeof text === "string") {
      taken.attachments.push({ name: file.name, bytes: file.size, text });
      sum += file.size;
    } else {
      taken.refusals.push({ why: text.why, name: file.name });
    }
  }
  return taken;
}

function refuse(file: Readable, count: number, sum: number): FileRefusal | null {
  if (count >= FILES_MAX) return { why: "many" };
  if (file.size > FILE_BYTES_MAX) return { why: "large", name: file.name, bytes: file.size };
  if (sum + file.size > FILES_BYTES_MAX) return { why: "total", name: file.name };
  return null;
}

async function readText(file: Readable): Promise<string | { why: "binary" | "unreadable" }> {
  let bytes: ArrayBuffer;
  try {
    bytes = await file.arrayBuffer();
  } catch {
    return { why: "unreadable" };
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? { why: "binary" } : text;
  } catch {
    return { why: "binary" };
  }
}
