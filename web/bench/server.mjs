/*
 * What bench/chat.mjs measures against: the packed pages as the daemon serves them (brotli, a year's keep for hashed names, the policy), and a service that
 * streams scripted answers. Its figures are those of the machine alone; no model, no disk.
 *
 *   startServer({ [question]: { tokens, rate, alone } }) → { url, close() }
 *
 * `tokens` are sent `rate` to the second, and the last `alone` of them one to each FRAME_MS, so that a page draws each by itself.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const PACKED = new URL("../packed/", import.meta.url);
const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const FRAME_MS = 20;
const TICK_MS = 10;

export const readRows = () => JSON.parse(readFileSync(new URL("pages.json", PACKED), "utf8"));

const event = (id, choice, more = {}) => `id: ${id}\ndata: ${JSON.stringify({ id: "bench", model: "bench", choices: choice ? [{ index: 0, finish_reason: null, ...choice }] : [], ...more })}\n\n`;

async function stream(response, { tokens, rate, alone }) {
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
  const fast = tokens.length - alone;
  const began = performance.now();
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));
  let sent = 0;
  const send = (until) => {
    let text = "";
    for (; sent < until; sent++) text += event(sent + 1, { delta: { content: tokens[sent] } });
    response.write(text);
  };
  while (sent < fast && !response.destroyed) {
    await wait(TICK_MS);
    send(Math.min(fast, Math.floor(((performance.now() - began) * rate) / 1_000)));
  }
  if (alone > 0) await wait(1_000); /* what is late is drawn before the last part begins */
  while (sent < tokens.length && !response.destroyed) {
    await wait(FRAME_MS);
    send(sent + 1);
  }
  response.write(event(sent + 1, { delta: {}, finish_reason: "stop" }));
  response.write(event(sent + 2, null, { usage: { prompt_tokens: 10, completion_tokens: tokens.length } }));
  response.end("data: [DONE]\n\n");
}

async function questionOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return JSON.parse(text).messages.at(-1).content;
}

export async function startServer(answers) {
  const rows = new Map(readRows().map((row) => [row.path, row]));
  const pages = readFileSync(new URL("pages.bin", PACKED));
  const json = (response, body) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  };
  const file = (request, response, path) => {
    const row = rows.get(path.startsWith("/chat") ? "/" : path);
    if (!row) return void response.writeHead(404).end();
    const coding = ["br", "gzip"].find((name) => row[name] && (request.headers["accept-encoding"] ?? "").includes(name));
    const [from, bytes] = row[coding ?? "identity"];
    const policy = row.path === "/" ? { "Content-Security-Policy": POLICY } : {};
    const keep = row.hashed ? "public, max-age=31536000, immutable" : "no-cache";
    response.writeHead(200, { "Content-Type": row.type, "Content-Length": bytes, "Cache-Control": keep, ...(coding ? { "Content-Encoding": coding } : {}), ...policy });
    return response.end(pages.subarray(from, from + bytes));
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://door");
    if (pathname === "/site.json") return json(response, { name: "Seawall", version: "0", key_required: true, body_bytes_max: 8 << 20, resume_grace_s: 0 });
    if (pathname === "/v1/models") return json(response, { object: "list", data: [{ id: "bench", object: "model" }] });
    if (pathname === "/v1/chat/completions") return void questionOf(request).then((question) => stream(response, answers[question]));
    return file(request, response, pathname);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}
