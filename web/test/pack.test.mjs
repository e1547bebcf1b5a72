/* What the daemon embeds is what the build left, in every coding that is worth it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";

import { packFolder } from "../pack.mjs";

const LONG = "const a = 1;\n".repeat(1000);
let folder;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pack-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html>");
});

afterEach(() => rmSync(folder, { recursive: true }));

function part({ bytes }, [start, length]) {
  return bytes.subarray(start, start + length);
}

test("each file lies there as it is and, where shorter, compressed", () => {
  writeFileSync(join(folder, "assets", "a.js"), LONG);
  const packed = packFolder(folder);
  const [page, script] = packed.rows;
  expect(page).toMatchObject({ path: "/", type: "text/html; charset=utf-8", hashed: false });
  expect(page.gzip).toBeUndefined(); /* it would be longer */
  expect(script).toMatchObject({ path: "/assets/a.js", type: "text/javascript; charset=utf-8", hashed: true });
  expect(script.tag).toMatch(/^[0-9a-f]{16}$/);
  expect(part(packed, script.identity).toString()).toBe(LONG);
  expect(gunzipSync(part(packed, script.gzip)).toString()).toBe(LONG);
  expect(brotliDecompressSync(part(packed, script.br)).toString()).toBe(LONG);
});

test("the same files give the same bytes, sorted as the look-up wants them", () => {
  for (const name of ["b.css", "Z.svg", "a.png", "_.js"]) writeFileSync(join(folder, "assets", name), name);
  const one = packFolder(folder);
  expect(packFolder(folder)).toEqual(one);
  const paths = one.rows.map((row) => row.path);
  expect(paths).toEqual([...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
});

test("what the daemon cannot serve is refused by name", () => {
  writeFileSync(join(folder, "assets", "a.exe"), "x");
  expect(() => packFolder(folder)).toThrow("'/assets/a.exe'");
  rmSync(join(folder, "assets", "a.exe"));
  writeFileSync(join(folder, "assets", 'a".js'), "x");
  expect(() => packFolder(folder)).toThrow("cannot serve");
});

test("a build without its document is none", () => {
  rmSync(join(folder, "index.html"));
  expect(() => packFolder(folder)).toThrow("no index.html");
});
