/* The parts of the chat that know no document: following, announcing, days, the wire, files, settings. */
import { describe, expect, test } from "vitest";
import { ANNOUNCE_CHARS_MAX, Announcer } from "../../src/chat/announcer";
import { FILES_MAX, FILE_BYTES_MAX, takeFiles } from "../../src/chat/attachments";
import { Follower } from "../../src/chat/follow";
import { groupByDay } from "../../src/chat/groups";
import { readField, SAMPLING_FIELDS } from "../../src/chat/sampling";
import { fileName } from "../../src/chat/transferring";
import { titleFrom, toContinue, toWire, wireBytes, withFiles } from "../../src/chat/wire";
import type { Conversation, Message } from "../../src/store/types";
import { cleanKey } from "../../src/session/session";

describe("following", () => {
  const at = (scrollTop: number, scrollHeight: number) => ({ scrollTop, scrollHeight, clientHeight: 100 });

  test("growth is followed to the end", () => {
    const follower = new Follower();
    expect(follower.grown(at(0, 500))).toBe(400);
    expect(follower.scrolled(at(400, 500))).toBe(false);
    expect(follower.grown(at(400, 600))).toBe(500);
  });

  test("scrolling up frees, and growth does not take the reader along", () => {
    const follower = new Follower();
    follower.grown(at(0, 500));
    follower.scrolled(at(400, 500));
    expect(follower.scrolled(at(380, 500))).toBe(true);
    expect(follower.following).toBe(false);
    expect(follower.grown(at(380, 900))).toBeNull();
  });

  test("scrolling to the end follows again, and so does follow()", () => {
    const follower = new Follower();
    follower.grown(at(0, 500));
    follower.scrolled(at(400, 500));
    follower.scrolled(at(100, 500));
    expect(follower.scrolled(at(390, 500))).toBe(true);
    expect(follower.following).toBe(true);
    follower.scrolled(at(10, 500));
    follower.follow();
    expect(follower.grown(at(10, 500))).toBe(400);
  });

  test("content that shrinks moves the view, and that is not the reader", () => {
    const follower = new Follower();
    follower.grown(at(0, 500));
    follower.scrolled(at(400, 500));
    follower.scrolled(at(300, 400));
    expect(follower.following).toBe(true);
  });

  test("scrolling up by more than the content shrinks meanwhile frees", () => {
    const follower = new Follower();
    follower.grown(at(0, 900));
    follower.scrolled(at(800, 900));
    expect(follower.scrolled(at(500, 850))).toBe(true);
    expect(follower.following).toBe(false);
  });
});

describe("announcing", () => {
  const heard = (...pieces: string[]): string => {
    const announcer = new Announcer(() => "Code.");
    for (const piece of pieces) announcer.push(piece);
    return announcer.take();
  };

  test("whole sentences, whatever the pieces", () => {
    expect(heard("The wall ho", "lds. The sea", " does")).toBe("The wall holds.");
    expect(heard("3", ".", "5 m. ", "No")).toBe("3.5 m.");
    expect(heard("海浪来了。墙还", "在")).toBe("海浪来了。");
  });

  test("marks are not read, and code is named", () => {
    expect(heard("**Bold** `x`.\n")).toBe("Bold x.");
    expect(heard("Look:\n```py\nprint(1)\n```\nDone.\n")).toBe("Look: Code. Done.");
  });

  test("the end gives the half sentence, and no piece is longer than its bound", () => {
    const announcer = new Announcer(() => "Code.");
    announcer.push("word ".repeat(1000));
    expect(announcer.take().length).toBeLessThanOrEqual(ANNOUNCE_CHARS_MAX);
    const last = new Announcer(() => "Code.");
    last.push("no end");
    expect(last.take()).toBe("");
    last.finish();
    expect(last.take()).toBe("no end");
  });
});

test("conversations are grouped by the reader's days", () => {
  const noon = new Date(2026, 5, 15, 12).getTime();
  const day = 86_400_000;
  const of = (updatedMs: number): Conversation => ({ id: String(updatedMs), title: "", createdMs: 0, updatedMs, leaf: null, model: "", systemPrompt: "", sampling: {} });
  const midnight = new Date(2026, 5, 15).getTime();
  const groups = groupByDay([of(midnight - 1), of(midnight), of(noon - 3 * day), of(noon - 20 * day), of(noon - 60 * day), of(noon - 61 * day)], noon);
  expect(groups.map((group) => group.name)).toEqual(["today", "yesterday", "week", "month", { year: 2026, month: 3 }]);
  expect(groups.at(-1)?.conversations).toHaveLength(2);
});

describe("the wire", () => {
  const message = (role: "user" | "assistant", text: string, more: Partial<Message> = {}): Message => ({ id: text, conversationId: "c", parentId: null, role, text, createdMs: 0, ...more });

  test("the system prompt first, empty answers left out", () => {
    const path = [message("user", "one"), message("assistant", ""), message("user", "two")];
    expect(toWire("Be brief", path).map(({ role, content }) => `${role}:${content}`)).toEqual(["system:Be brief", "user:one", "user:two"]);
    expect(toWire("  ", path)).toHaveLength(2);
    expect(toContinue("", [message("user", "q"), message("assistant", "half")]).map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });

  test("no file can close its own fence", () => {
    const text = withFiles("What is it?", [{ name: "a\n.md", bytes: 1, text: "````\nx\n````" }]);
    expect(text).toContain("File: a .md\n`````\n````\nx\n````\n`````\n\nWhat is it?");
  });

  test("bytes are at least those of the body", () => {
    const messages = toWire("", [message("user", "墙\"\n".repeat(100))]);
    expect(wireBytes(messages)).toBeGreaterThanOrEqual(new TextEncoder().encode(JSON.stringify({ messages })).length);
  });

  test("titles", () => {
    expect(titleFrom("\n## How high\nis it?")).toBe("How high");
    expect(titleFrom("word ".repeat(40)).length).toBeLessThanOrEqual(61);
    expect(titleFrom("墙".repeat(80))).toBe(`${"墙".repeat(60)}…`);
    expect(titleFrom("")).toBe("");
  });
});

describe("files", () => {
  const file = (name: string, bytes: Uint8Array, size = bytes.length) => ({ name, size, arrayBuffer: () => Promise.resolve(bytes.slice().buffer as ArrayBuffer) });
  const text = (name: string, content = "x") => file(name, new TextEncoder().encode(content));

  test("text is taken, with its size", async () => {
    const { attachments, refusals } = await takeFiles([text("a.txt", "墙")], []);
    expect(attachments).toEqual([{ name: "a.txt", bytes: 3, text: "墙" }]);
    expect(refusals).toEqual([]);
  });

  test("binary, too large, unreadable and too many are refused, each by itself", async () => {
    const broken = { name: "gone", size: 1, arrayBuffer: () => Promise.reject(new Error("gone")) };
    const { attachments, refusals } = await takeFiles(
      [file("zero", new Uint8Array([65, 0])), file("png", new Uint8Array([0x89, 0x50])), file("big", new Uint8Array(1), FILE_BYTES_MAX + 1), broken, text("good")],
      [],
    );
    expect(attachments.map(({ name }) => name)).toEqual(["good"]);
    expect(refusals.map(({ why }) => why)).toEqual(["binary", "binary", "large", "unreadable"]);
    const many = await takeFiles(Array.from({ length: FILES_MAX + 2 }, (_, index) => text(String(index))), []);
    expect(many.attachments).toHaveLength(FILES_MAX);
    expect(many.refusals).toEqual([{ why: "many" }]);
  });

  test("all together have a bound too", async () => {
    const large = (name: string) => file(name, new Uint8Array([65]), FILE_BYTES_MAX);
    const { attachments, refusals } = await takeFiles([1, 2, 3, 4, 5].map((n) => large(String(n))), []);
    expect(attachments).toHaveLength(4);
    expect(refusals).toEqual([{ why: "total", name: "5" }]);
  });

  test("names of exports are taken by every system", () => {
    expect(fileName('a/b\\c:"d"?\u202e.', "md")).toBe("a b c d.md");
    expect(fileName("...", "json")).toBe("conversation.json");
  });
});

test("settings: the border where valid becomes invalid", () => {
  const read = (name: string, typed: string) => readField(SAMPLING_FIELDS.find((field) => field.name === name)!, typed);
  expect(read("temperature", "2")).toEqual({ ok: true, value: 2 });
  expect(read("temperature", "0,7")).toEqual({ ok: true, value: 0.7 });
  expect(read("temperature", "2.01")).toEqual({ ok: false, why: "range" });
  expect(read("temperature", "1e1")).toEqual({ ok: false, why: "number" });
  expect(read("top_p", "0")).toEqual({ ok: false, why: "range" });
  expect(read("max_tokens", "1.5")).toEqual({ ok: false, why: "whole" });
  expect(read("max_tokens", "0")).toEqual({ ok: false, why: "range" });
  expect(read("seed", " ")).toEqual({ ok: true, value: undefined });
});

test("keys as people paste them", () => {
  expect(cleanKey('  "Bearer sk-1" ')).toBe("sk-1");
  expect(cleanKey("sk-1\n")).toBe("sk-1");
});
