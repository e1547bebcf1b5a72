/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shell of the pages, for when there is no network: old conversations can be read then. plugin.mjs puts the build's files and their version in.
 *
 * Documents come from the network while it answers, so a new version is seen at once, and from here when it does not; files with a hash in their name come
 * from here. Calls of the API, and every other address, are not touched. A new worker waits until the pages of the old one are closed: no page loses the
 * files that it may still load, and no answer under way is disturbed.
 */
const VERSION = "__VERSION__";
const FILES = __FILES__;
const NAME = `seawall-${VERSION}`;
const SHELL = "/";
const NETWORK_MS_MAX = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })))));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("seawall-") && name !== NAME).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    if (url.pathname === "/" || url.pathname === "/chat" || url.pathname.startsWith("/chat/")) event.respondWith(shell(request));
  } else if (FILES.includes(url.pathname) && url.pathname !== SHELL) {
    event.respondWith(caches.match(request, { ignoreVary: true }).then((found) => found ?? fetch(request)));
  }
});

async function shell(request) {
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), NETWORK_MS_MAX);
  try {
    const response = await fetch(request, { signal: stop.signal });
    if (response.status < 500) return response;
    return (await kept()) ?? response;
  } catch {
    return (await kept()) ?? Response.error();
  } finally {
    clearTimeout(late);
  }
}

const kept = () => caches.match(SHELL, { ignoreVary: true });
