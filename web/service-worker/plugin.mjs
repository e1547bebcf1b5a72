/* SPDX-License-Identifier: Apache-2.0 */
/* Writes dist/sw.js out of sw.js: the list of the build's files, and a version that is a hash of all of them. The same build gives the same worker. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

function list(folder, path) {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => (statSync(join(folder, name)).isDirectory() ? list(join(folder, name), `${path}${name}/`) : [path + name]));
}

export function serviceWorker() {
  let dist = "dist";
  return {
    name: "seawall-service-worker",
    apply: "build",
    configResolved(config) {
      dist = join(config.root, config.build.outDir);
    },
    closeBundle() {
      const source = readFileSync(new URL("sw.js", import.meta.url), "utf8");
      const files = list(dist, "/").filter((path) => path !== "/sw.js");
      const hash = createHash("sha256").update(source);
      for (const path of files) hash.update(path).update(readFileSync(join(dist, path)));
      const paths = files.map((path) => (path === "/index.html" ? "/" : path));
      writeFileSync(join(dist, "sw.js"), source.replace("__VERSION__", hash.digest("hex").slice(0, 16)).replace("__FILES__", JSON.stringify(paths, null, 2)));
    },
  };
}
