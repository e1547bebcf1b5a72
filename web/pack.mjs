/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs what `vite build` left in dist/ for the daemon: packed/pages.bin, the bytes of every file as they are, with gzip and with brotli
 * (each only where it is smaller), one behind the other, with licenses.txt beside them; and packed/pages.json, which says where each lies:
 *
 *     [{"path": "/assets/index-CIRL9moU.js", "type": "text/javascript; charset=utf-8", "hashed": true, "tag": "…",
 *       "identity": [0, 10725], "gzip": [10725, 4411], "br": [15136, 3998]}, …]      sorted by path, as bytes
 *
 * tools/embed_pages.py puts both into the program. The same dist/ gives the same bytes.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { licensesOf } from "./licenses.mjs";

const PAGES_BYTES_MAX = 16 << 20; /* of the program, for all of them */
const FILES_MAX = 1024;
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/* "/index.html", "/assets/…": the files below dist/. */
function list(folder, path) {
  return readdirSync(folder).flatMap((name) =>
    statSync(join(folder, name)).isDirectory() ? list(join(folder, name), `${path}${name}/`) : [path + name],
  );
}

function codings(bytes) {
  const brotli = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return { identity: bytes, gzip: gzipSync(bytes, { level: 9 }), br: brotliCompressSync(bytes, { params: brotli }) };
}

/* What the daemon may serve of `folder`: its rows, sorted, and their bytes. Throws what a person can act on. */
export function packFolder(folder) {
  const pieces = [];
  let end = 0;
  const packFile = (path) => {
    const type = TYPES[extname(path)];
    if (!type || !/^[\w./-]+$/.test(path)) throw new Error(`the daemon cannot serve '${path}': its name or its type is not known`);
    const bytes = readFileSync(join(folder, path));
    const tag = createHash("sha256").update(bytes).digest("hex").slice(0, 16);
    const row = { path: path === "/index.html" ? "/" : path, type, hashed: path.startsWith("/assets/"), tag };
    for (const [coding, coded] of Object.entries(codings(bytes))) {
      if (coding !== "identity" && coded.length >= bytes.length) continue;
      row[coding] = [end, coded.length];
      pieces.push(coded);
      end += coded.length;
    }
    return row;
  };
  const paths = list(folder, "/");
  if (!paths.includes("/index.html")) throw new Error("there is no index.html: 'npm run build' makes it");
  if (paths.length > FILES_MAX) throw new Error(`${paths.length} files, at most ${FILES_MAX}`);
  const rows = paths.map(packFile).sort((a, b) => (a.path < b.path ? -1 : 1));
  if (end > PAGES_BYTES_MAX) throw new Error(`the pages have ${end} bytes, at most ${PAGES_BYTES_MAX}`);
  return { rows, bytes: Buffer.concat(pieces) };
}

/* Whole or as it was. */
function replace(path, content) {
  writeFileSync(path + ".new", content);
  renameSync(path + ".new", path);
}

function main() {
  const here = dirname(fileURLToPath(import.meta.url));
  writeFileSync(join(here, "dist", "licenses.txt"), licensesOf(here));
  const { rows, bytes } = packFolder(join(here, "dist"));
  mkdirSync(join(here, "packed"), { recursive: true });
  replace(join(here, "packed", "pages.bin"), bytes);
  replace(join(here, "packed", "pages.json"), JSON.stringify(rows, null, 1) + "\n");
  const sent = rows.reduce((sum, row) => sum + (row.br ?? row.gzip ?? row.identity)[1], 0);
  console.log(`${rows.length} files packed: ${bytes.length} bytes in the program, ${sent} over the wire`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
