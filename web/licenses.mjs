/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The licences of what the pages are made of, as one text: they go wherever the code goes, that is to every visitor. From the installed packages themselves,
 * so that none is forgotten when one is added.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const TOOLS = ["vite"]; /* builds, and is not part of what is built */
const PACKAGES_MAX = 200;

function read(folder, name) {
  return JSON.parse(readFileSync(join(folder, name, "package.json"), "utf8"));
}

/* Names of the packages of `web`, and of theirs; those that hold nothing but types leave nothing in the pages. */
function packagesOf(web) {
  const names = new Set();
  const waiting = Object.keys(read(web, ".").dependencies ?? {}).filter((name) => !TOOLS.includes(name));
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (names.has(name) || name.startsWith("@types/")) continue;
    if (names.size === PACKAGES_MAX) throw new Error(`the pages are made of more than ${PACKAGES_MAX} packages`);
    names.add(name);
    waiting.push(...Object.keys(read(join(web, "node_modules"), name).dependencies ?? {}));
  }
  return [...names].sort();
}

/* "preact 10.29.8 (MIT)", a line, and the licence's own text. Throws for a package that has none. */
function licenseOf(web, name) {
  const folder = join(web, "node_modules", name);
  const about = read(web, join("node_modules", name));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
  if (!file) throw new Error(`the package '${name}' has no licence with it`);
  const title = `${name} ${about.version} (${about.license})`;
  return `${title}\n${"-".repeat(title.length)}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}

export function licensesOf(web) {
  return "The pages of Seawall are made with these packages.\n\n" + packagesOf(web).map((name) => licenseOf(web, name)).join("\n\n");
}
