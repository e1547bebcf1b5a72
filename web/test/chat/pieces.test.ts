/* What comes after the first view: once, again when it is wanted after it was missing, and never half. */
import { expect, test } from "vitest";
import { Piece } from "../../src/chat/pieces";

test("who asks twice, also at once, loads once", async () => {
  let asked = 0;
  const piece = new Piece(() => Promise.resolve({ name: `piece ${++asked}` }));
  expect(piece.here).toBeNull();
  expect(() => piece.now).toThrow(/before it has been loaded/);
  const [first, second] = await Promise.all([piece.load(), piece.load()]);
  expect(first).toEqual({ name: "piece 1" });
  expect(second).toBe(first);
  expect(await piece.load()).toBe(first);
  expect(piece.here).toBe(first);
  expect(piece.now).toBe(first);
  expect(piece.missing).toBe(false);
});

test("one that is missing is said to be, and asked for again", async () => {
  let gone = true;
  const piece = new Piece(() => (gone ? Promise.reject(new TypeError("404")) : Promise.resolve("here")));
  expect(await piece.load()).toBeNull();
  expect(piece.missing).toBe(true);
  expect(piece.here).toBeNull();
  gone = false;
  expect(await piece.load()).toBe("here");
  expect(piece.here).toBe("here");
  expect(piece.missing).toBe(false);
});
