/* Every package that is in the pages brings its licence, and none of the tools' is there. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { licensesOf } from "../licenses.mjs";

let web;

function install(name, dependencies, license) {
  const folder = join(web, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ version: "1.2.3", license: "MIT", dependencies }));
  if (license) writeFileSync(join(folder, license), `the terms of ${name}`);
}

beforeEach(() => {
  web = mkdtempSync(join(tmpdir(), "licenses-"));
  writeFileSync(join(web, "package.json"), JSON.stringify({ dependencies: { b: "1", "@a/a": "1", vite: "6" } }));
  install("b", { c: "1", "@types/x": "1" }, "LICENSE.md");
  install("@a/a", {}, "license");
  install("c", { b: "1" }, "LICENCE.txt");
  install("vite", { huge: "1" }, "LICENSE");
});

afterEach(() => rmSync(web, { recursive: true }));

test("packages and theirs, once each and in order", () => {
  const text = licensesOf(web);
  expect([...text.matchAll(/^the terms of (.*)$/gm)].map((match) => match[1])).toEqual(["@a/a", "b", "c"]);
  expect(text).toContain("b 1.2.3 (MIT)\n-------------\n");
});

test("a package without a licence is not shipped", () => {
  rmSync(join(web, "node_modules", "c", "LICENCE.txt"));
  expect(() => licensesOf(web)).toThrow("'c' has no licence");
});
