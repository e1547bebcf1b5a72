/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A door without a model, for who works on the pages: serves dist/ under the daemon's policy, and plays what the real one may say. Words of the last question
 * choose what happens:
 *
 *   code table maths rtl hostile long   what the answer has in it        think      reasons first
 *   slow                                a token each 150 ms              queue      waits, with figures that fall
 *   refuse later | broken | quota       429 with a time, 503, 429        cut        the door ends it early
 *   length                              reaches its longest length       lose       the connection goes once; the answer goes on
 *   break                               breaks for good                  reduced    served smaller
 *   hold                                goes on until POST /mock/release
 *
 *     node test/mock-door.mjs [PORT]    prints its address; keys: sk-good, sk-expired, sk-disabled; link: once
 *
 * MOCK_OPEN=1 wants no key. Also a library for tests: startDoor().
 */
import { randomBytes } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".webmanifest": "application/manifest+json" };
const BODY_BYTES_MAX = 8 << 20;
const KEPT_MS = 15_000;

const PARTS = {
  code: "A wall that waits:\n\n```python\nimport asyncio\n\nasync def wave(height: float) -> str:\n    \"\"\"One wave against the wall.\"\"\"\n    await asyncio.sleep(height / 10)\n    return f\"broke at {height:.1f} m\"  # quietly\n```\n\nRun it with `python wave.py`.\n\n",
  table: "| Harbour | Tide | Wall |\n|:--|--:|:-:|\n| Brest | 6.1 m | granite |\n| Saint-Malo | 12.2 m | granite |\n| Venice | 0.9 m | steel |\n\n",
  maths: "Its energy for each square metre is $E = \\tfrac{1}{8}\\rho g H^2$, and over all frequencies\n\n$$\nE = \\rho g \\int_0^\\infty S(f)\\, df\n$$\n\n",
  rtl: "السور البحري يحمي المدينة من الأمواج.\n\nA line in between.\n\nחומת הים מגינה על העיר.\n\n",
  hostile: "<script>alert(1)</script> <img src=x onerror=alert(1)> [press](javascript:alert(1)) ![pixel](https://elsewhere.example/p.png) [bank](https://elsewhere.example/x)\n\n",
};
const PLAIN =
  "A sea wall does not stop the sea. It takes the force out of each wave and lets the water go back where it came from. What stands behind it can be built lightly, because the wall was built for the worst day.\n\n- **Slope** turns a blow into a run.\n- **Roughness** breaks the run into foam.\n- **Drains** give back what came over the top.\n\nSo the measure of a wall is the quiet behind it, and not its height.\n";

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const error = (code, message) => ({ error: { message, type: "server_error", param: null, code } });

/* One answer: its events are kept, so that who lost the connection gets the rest. */
class Stream {
  constructor() {
    this.id = randomBytes(16).toString("hex");
    this.events = [];
    this.readers = new Set();
    this.over = false;
  }
  put(data) {
    this.events.push(`id: ${this.events.length + 1}\ndata: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
    for (const reader of this.readers) reader.write(this.events.at(-1));
  }
  comment(text) {
    for (const reader of this.readers) reader.write(`: ${text}\n\n`);
  }
  read(response, after) {
    for (const event of this.events.slice(after)) response.write(event);
    if (this.over) return void response.end();
    this.readers.add(response);
    response.on("close", () => this.readers.delete(response));
  }
  lose() {
    for (const reader of this.readers) reader.destroy();
    this.readers.clear();
  }
  end() {
    this.over = true;
    for (const reader of this.readers) reader.end();
  }
}

function answerTo(question) {
  const parts = Object.keys(PARTS).filter((word) => question.includes(word));
  const text = parts.map((word) => PARTS[word]).join("");
  if (question.includes("long")) return (text + PLAIN).repeat(12);
  return text + (parts.length > 0 ? "" : PLAIN);
}

export async function startDoor({ port = 0, open = false, pace = 12 } = {}) {
  const streams = new Map();
  const held = new Set();
  const refusals = new Map();
  let linkUsed = false;

  async function play(stream, question, model) {
    const delta = (fields, more = {}) => stream.put({ id: "mock", model, choices: [{ index: 0, delta: fields, finish_reason: null }], ...more });
    if (question.includes("queue")) {
      for (let waiting = 7; waiting > 0; waiting -= 1) {
        stream.comment(`keep-alive waiting=${waiting} estimate_ms=${waiting * 1400}`);
        await wait(question.includes("slow") ? 1500 : 250);
      }
    }
    stream.comment("admitted");
    await wait(question.includes("slow") ? 1200 : 60);
    let tokens = 0;
    if (question.includes("think")) {
      for (const word of "The question is about walls. First the force of a wave, then where the water goes. A good answer names the drain. ".repeat(3).split(/(?<= )/)) {
        delta({ reasoning_content: word });
        tokens += 1;
        await wait(question.includes("slow") ? 60 : pace);
      }
    }
    const words = answerTo(question).split(/(?<=\s)/);
    const half = Math.floor(words.length / 2);
    for (const [index, word] of words.entries()) {
      if (stream.over) return;
      if (index === half) {
        if (question.includes("lose")) stream.lose();
        if (question.includes("hold")) await new Promise((go) => held.add(go));
        if (question.includes("break")) {
          stream.put(error("model_stalled", "the model stopped answering"));
          return void stream.end();
        }
        if (question.includes("cut")) break;
      }
      delta({ content: word });
      tokens += 1;
      await wait(question.includes("slow") ? 150 : pace);
    }
    const finish = question.includes("length") || question.includes("cut") ? "length" : "stop";
    stream.put({ id: "mock", model, choices: [{ index: 0, delta: {}, finish_reason: finish }], ...(question.includes("cut") ? { seawall: { ended: "gave_way" } } : {}) });
    stream.put({ id: "mock", model, choices: [], usage: { prompt_tokens: 31, completion_tokens: tokens } });
    stream.put("[DONE]");
    stream.end();
  }

  function refusal(question) {
    const times = (refusals.get(question) ?? 0) + 1;
    refusals.set(question, times);
    if (question.includes("refuse later") && times % 2 === 1) return [429, "come_back_later", "it is not your turn yet", question.includes("slow") ? 30 : 2];
    if (question.includes("refuse broken")) return [503, "model_unavailable", "no server for this model is available now", null];
    if (question.includes("refuse quota")) return [429, "insufficient_quota", "this API key has spent what it may", null];
    return null;
  }

  const say = (response, status, body, headers = {}) => {
    response.writeHead(status, { "Content-Type": "application/json", "X-Request-Id": `req-${randomBytes(6).toString("hex")}`, ...headers });
    response.end(JSON.stringify(body));
  };

  function refusedKey(request) {
    const key = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (open || key === "sk-good") return null;
    if (key === undefined) return error("missing_api_key", "no API key");
    if (key === "sk-expired") return error("expired_api_key", "this API key has expired");
    if (key === "sk-disabled") return error("disabled_api_key", "this API key is disabled");
    return error("invalid_api_key", "this API key is not valid");
  }

  async function chat(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const users = body.messages.filter((message) => message.role === "user");
    const question = String(users.at(-1).content).toLowerCase();
    const refused = refusal(question);
    if (refused) {
      const [status, code, message, again] = refused;
      return say(response, status, error(code, message), again === null ? {} : { "Retry-After": String(again), "Seawall-Ticket": "t1" });
    }
    const stream = new Stream();
    streams.set(stream.id, stream);
    response.writeHead(200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "X-Request-Id": `req-${randomBytes(6).toString("hex")}`,
      "Seawall-Stream": stream.id,
      ...(question.includes("reduced") ? { "Seawall-Reduced": 'output=256, reasoning=low, context=-12, model="small-wall"' } : {}),
    });
    response.flushHeaders();
    stream.read(response, 0);
    await play(stream, question, body.model);
    setTimeout(() => streams.delete(stream.id), KEPT_MS).unref();
  }

  function kept(request, response, id) {
    const stream = streams.get(id);
    if (!stream) return say(response, 404, error("stream_not_found", "there is no such answer of yours to return to, or not any more"));
    if (request.method === "DELETE") {
      stream.end();
      streams.delete(id);
      response.writeHead(204);
      return response.end();
    }
    response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", "Seawall-Stream": id });
    response.flushHeaders();
    return stream.read(response, Number(request.headers["last-event-id"] ?? 0));
  }

  function file(response, path) {
    const page = path === "/" || path === "/chat" || path.startsWith("/chat/");
    const found = join(DIST, page ? "index.html" : normalize(path));
    if (!found.startsWith(DIST) || !existsSync(found) || !statSync(found).isFile()) return say(response, 404, error("unknown_url", "unknown request URL"));
    const headers = { "Content-Type": TYPES[extname(found)] ?? "application/octet-stream", "Cache-Control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache" };
    if (page || path === "/sw.js") headers["Content-Security-Policy"] = POLICY;
    response.writeHead(200, headers);
    return createReadStream(found).pipe(response);
  }

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://door");
    if (pathname === "/site.json") return say(response, 200, { name: "Seawall", version: "0.1.0", key_required: !open, body_bytes_max: BODY_BYTES_MAX, resume_grace_s: 15 });
    if (pathname === "/mock/release") {
      for (const go of held) go();
      held.clear();
      return say(response, 200, {});
    }
    if (pathname === "/sign-in/link" && request.method === "POST") {
      if (request.headers.authorization !== "Link once") return say(response, 404, error("link_unknown", "no such link"));
      if (linkUsed) return say(response, 410, error("link_used", "it has been used"));
      linkUsed = true;
      return say(response, 200, { key: "sk-good", name: "first" });
    }
    if (!pathname.startsWith("/v1/")) return file(response, pathname);
    const refused = refusedKey(request);
    if (refused) return say(response, 401, refused);
    if (pathname === "/v1/models") return say(response, 200, { object: "list", data: ["granite-7b", "small-wall"].map((id) => ({ id, object: "model" })) });
    if (pathname === "/v1/chat/completions") return void chat(request, response).catch(() => response.destroy());
    const id = /^\/v1\/streams\/(\w+)$/.exec(pathname)?.[1];
    return id ? kept(request, response, id) : say(response, 404, error("unknown_url", "unknown request URL"));
  });
  await new Promise((ready) => server.listen(port, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const door = await startDoor({ port: Number(process.argv[2] ?? 0), open: process.env.MOCK_OPEN === "1" });
  console.log(door.url);
}
