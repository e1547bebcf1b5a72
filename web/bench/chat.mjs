/*
 * What the chat costs the browser it runs in, against its budgets: script of the first view, time to it on a phone, script time of a streamed token, the
 * longest freeze meanwhile, also where one block has thousands of lines or a paragraph is written to be slow, and how fast a long conversation opens.
 * After `npm run build`:
 *
 *   node bench/chat.mjs [--runs 3] [--tokens 10000] [--rate 800] [--only bytes,view,stream,code,table,list,crafted,open] [--out FILE]
 *
 * Prints one table, a median of the runs in each row with the lowest and the highest; --out writes it as JSON too. Script time is processor time of the page's
 * main thread (so other work on the machine matters little); times to a view and freezes are by the clock. "phone": processor 4 times slower, 390 px wide, and
 * for the first view a network of 1.6 Mbit/s and 150 ms. On a machine with other work a slowed processor is slowed once more by that; so freezes and
 * the first view are also counted: processor time at full speed, times 4. Chromium is Debian's, or SEAWALL_CHROMIUM.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { createServer } from "vite";

import { readRows, startServer } from "./server.mjs";

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "3" }, tokens: { type: "string", default: "10000" }, rate: { type: "string", default: "800" }, only: { type: "string", default: "bytes,view,stream,code,table,list,crafted,open" }, out: { type: "string" } },
});
const runs = Number(options.runs);
const wanted = new Set(options.only.split(","));
const ALONE = 200; /* tokens at the end of an answer, of which each is drawn by itself */
const LINES_ALONE = 100; /* the same for lines, where each token is one */
const LINES_RATE = 500;
const MESSAGES = 500;
const MESSAGE_CHARS = 1_200;
const SETTLED_MS = 2_500; /* after a conversation has opened: what is drawn later */

const DESKTOP = { name: "desktop", slower: 1, viewport: { width: 1280, height: 800 }, isMobile: false };
const PHONE = { name: "phone", slower: 4, viewport: { width: 390, height: 844 }, isMobile: true };
const COUNTED = { ...PHONE, name: "phone, counted", slower: 1 };
const SLOW_NETWORK = { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 750_000 / 8 };

/* ---- what runs in the page ---- */

/* Before the page: promises of when things are painted, and how long tasks are. */
function watch() {
  const seen = { tasks: [], at: {} };
  globalThis.bench = seen;
  new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((entry) => ({ from: entry.startTime, ms: entry.duration })))).observe({ type: "longtask" });
  /* Resolves with the time at which what `find` returns has been painted. */
  seen.painted = (find) =>
    new Promise((resolve) => {
      const look = () => (find() ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now()))) : setTimeout(look, 4));
      look();
    });
  seen.at.paint = new Promise((resolve) => {
    const first = (list) => list.getEntriesByName("first-contentful-paint").forEach((entry) => resolve(entry.startTime));
    new PerformanceObserver(first).observe({ type: "paint", buffered: true });
  });
  for (const [name, selector] of [["composer", "#composer:enabled"], ["sign", ".sign-form input"]]) {
    seen.at[name] = seen.painted(() => document.querySelector(selector));
  }
}

/* Into the page's own database: one conversation, a question and an answer in turn. */
function seed(texts) {
  const at = Date.now() - texts.length * 1_000;
  const message = (text, index) => ({
    id: `m${index}`, conversationId: "long", parentId: index === 0 ? null : `m${index - 1}`, createdMs: at + index * 1_000, text,
    ...(index % 2 === 0 ? { role: "user" } : { role: "assistant", model: "bench", finish: "stop", totalMs: 900, firstTokenMs: 100, usage: { promptTokens: 10, completionTokens: 200 } }),
  });
  const conversation = { id: "long", title: "A long one", createdMs: at, updatedMs: at, leaf: `m${texts.length - 1}`, model: "bench", systemPrompt: "", sampling: {} };
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("seawall");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const write = opening.result.transaction(["conversations", "messages"], "readwrite");
      write.objectStore("conversations").put(conversation);
      texts.forEach((text, index) => write.objectStore("messages").put(message(text, index)));
      write.oncomplete = () => resolve(opening.result.close());
      write.onabort = () => reject(write.error);
    };
  });
}

/* Presses the entry of the list; returns when its last message is painted and the field takes text. */
async function openLong(last) {
  const { bench } = globalThis;
  const entry = document.querySelector('a[href="/chat/long"]');
  const from = performance.now();
  entry.click();
  const to = await bench.painted(() => document.querySelectorAll("article.answer").length > 0 && document.querySelector(".thread").textContent.includes(last) && document.querySelector("#composer:enabled"));
  return { from, ms: to - from };
}

/* ---- measuring ---- */

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rows = [];
const row = (what, unit, budget, values) => rows.push({ what, unit, budget, median: median(values), lowest: Math.min(...values), highest: Math.max(...values) });

const browser = await chromium.launch({
  executablePath: process.env.SEAWALL_CHROMIUM ?? "/usr/bin/chromium-headless-shell",
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});

/* A browser that has never been here. */
async function visit(url, kind, { key = true, slowNetwork = false } = {}) {
  const context = await browser.newContext({ viewport: kind.viewport, isMobile: kind.isMobile, hasTouch: kind.isMobile, locale: "en-US" });
  const page = await context.newPage();
  const debug = await context.newCDPSession(page);
  await debug.send("Performance.enable", { timeDomain: "threadTicks" });
  await debug.send("Emulation.setCPUThrottlingRate", { rate: kind.slower });
  await debug.send("Network.enable");
  if (slowNetwork) await debug.send("Network.emulateNetworkConditions", SLOW_NETWORK);
  await page.addInitScript(watch);
  if (key) await page.addInitScript(() => localStorage.setItem("seawall", JSON.stringify({ key: "sk-bench" })));
  await page.goto(`${url}/chat`);
  return { context, page, debug };
}

/* What `work` returns, and the longest task of a page's main thread meanwhile, in processor time as a phone would need it. */
async function counted(work) {
  const session = await browser.newBrowserCDPSession();
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => value.forEach((event) => events.push(event)));
  const over = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["toplevel"] } });
  const result = await work();
  await session.send("Tracing.end");
  await over;
  await session.detach();
  const thread = ({ pid, tid }) => `${pid} ${tid}`;
  const mains = new Set(events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(thread));
  const tasks = events.filter((event) => event.name.endsWith("RunTask") && event.tdur !== undefined && mains.has(thread(event)));
  if (tasks.length === 0) throw new Error("the browser's trace has no task of a page");
  return { result, longest: (PHONE.slower / 1_000) * tasks.reduce((most, { tdur }) => Math.max(most, tdur), 0) };
}

async function figures(debug) {
  const { metrics } = await debug.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value * 1_000]));
}

const longestTask = (page, from = 0) => page.evaluate((since) => Math.max(0, ...globalThis.bench.tasks.filter((task) => task.from + task.ms >= since).map((task) => task.ms)), from);

/* Of what the document itself asks for. */
function measureBytes() {
  const packed = new Map(readRows().map((one) => [one.path, one]));
  const document = readFileSync(new URL("../dist/index.html", import.meta.url), "utf8");
  const paths = [...document.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map((match) => match[1]);
  for (const coding of ["br", "gzip"]) row(`script of the first view, ${coding}`, "kB", 150, [paths.reduce((sum, path) => sum + packed.get(path)[coding][1], 0) / 1_000]);
}

async function measureView(url) {
  const times = { paint: [], composer: [], sign: [], counted: [], signed: [] };
  for (let run = 0; run < runs; run++) {
    const known = await visit(url, PHONE, { slowNetwork: true });
    times.composer.push(await known.page.evaluate(() => globalThis.bench.at.composer));
    times.paint.push(await known.page.evaluate(() => globalThis.bench.at.paint));
    await known.context.close();
    const fresh = await visit(url, PHONE, { key: false, slowNetwork: true });
    times.sign.push(await fresh.page.evaluate(() => globalThis.bench.at.sign));
    await fresh.page.locator(".sign-form input").first().fill("sk-bench");
    times.signed.push(
      await fresh.page.evaluate(async () => {
        const from = performance.now();
        document.querySelector(".sign-form").requestSubmit();
        return (await globalThis.bench.painted(() => document.querySelector("#composer:enabled"))) - from;
      }),
    );
    await fresh.context.close();
    const full = await visit(url, COUNTED, { key: false, slowNetwork: true });
    await full.page.evaluate(() => globalThis.bench.at.sign);
    times.counted.push(PHONE.slower * (await figures(full.debug)).TaskDuration);
    await full.context.close();
  }
  row("cold load to the first paint, phone", "ms", 1_000, times.paint);
  row("cold load to the field for questions, phone", "ms", 1_000, times.composer);
  row("cold load to the field for the key, phone", "ms", 1_000, times.sign);
  row("processor time to the field for the key, phone, counted", "ms", null, times.counted);
  row("key sent to the field for questions, phone", "ms", 1_000, times.signed);
}

async function streamOnce(url, kind, question, { tokens, rate, alone }) {
  const { context, page, debug } = await visit(url, kind);
  await page.locator("#composer").fill(question);
  const before = await figures(debug);
  const began = await page.evaluate(() => performance.now());
  const stream = async () => {
    await page.locator("#composer").press("Control+Enter"); /* with a finger too */
    await page.locator("article.answer .md").waitFor();
    await page.waitForTimeout((1_000 * (tokens.length - alone)) / rate + 500);
    const at = await figures(debug);
    await page.locator('article.answer[aria-busy="false"]').waitFor({ timeout: 240_000 });
    return at;
  };
  const { result: late, longest } = kind === COUNTED ? await counted(stream) : { result: await stream(), longest: null };
  const after = await figures(debug);
  const chars = tokens.join("").length;
  const drawn = await page.evaluate(() => document.querySelector("article.answer .md").textContent.length);
  if (drawn < chars / 2) throw new Error(`of ${chars} characters only ${drawn} were drawn`);
  const freeze = longest ?? (await longestTask(page, began));
  await context.close();
  const of = (from, to, count) => ({ script: (to.ScriptDuration - from.ScriptDuration) / count, layout: (to.LayoutDuration + to.RecalcStyleDuration - from.LayoutDuration - from.RecalcStyleDuration) / count, task: (to.TaskDuration - from.TaskDuration) / count });
  return { whole: of(before, after, tokens.length), end: of(late, after, alone), freeze };
}

async function measureStream(url, question, answer) {
  const budgets = { script: 4, layout: null, task: null };
  const { what, unit, tokens, alone } = answer;
  for (const kind of [DESKTOP, PHONE, COUNTED]) {
    const found = [];
    for (let run = 0; run < runs; run++) found.push(await streamOnce(url, kind, question, answer));
    for (const [name, budget] of Object.entries(kind === DESKTOP ? budgets : {})) {
      row(`${name} time of a ${unit}, ${what}`, "ms", budget, found.map((one) => one.whole[name]));
      row(`${name} time of a ${unit}, ${what}, the last ${alone} each by itself`, "ms", budget, found.map((one) => one.end[name]));
    }
    row(`longest freeze while it streams, ${what}, ${kind.name}`, "ms", kind === DESKTOP ? null : 100, found.map((one) => one.freeze));
  }
}

async function measureOpening(url, texts) {
  for (const kind of [DESKTOP, PHONE, COUNTED]) {
    const times = [];
    const freezes = [];
    for (let run = 0; run < runs; run++) {
      const { context, page } = await visit(url, kind);
      await page.evaluate(() => globalThis.bench.at.composer);
      await page.evaluate(seed, texts);
      await page.reload();
      await page.locator('a[href="/chat/long"]').waitFor({ state: "attached" });
      await page.waitForTimeout(500);
      const open = async () => {
        const opened = await page.evaluate(openLong, texts.at(-1).slice(-20).trim());
        await page.waitForTimeout(SETTLED_MS * PHONE.slower);
        return opened;
      };
      const { result, longest } = kind === COUNTED ? await counted(open) : { result: await open(), longest: null };
      times.push(result.ms);
      freezes.push(longest ?? (await longestTask(page, result.from)));
      await context.close();
    }
    if (kind !== COUNTED) row(`a conversation of ${texts.length} messages opens, ${kind.name}`, "ms", kind === DESKTOP ? 300 : null, times);
    row(`longest freeze while and after it opens, ${kind.name}`, "ms", kind === DESKTOP ? null : 100, freezes);
  }
}

/* ---- all of it ---- */

/* What the service streams, by the question that asks for it. */
async function sample() {
  const vite = await createServer({ server: { middlewareMode: true }, appType: "custom", logLevel: "error", optimizeDeps: { noDiscovery: true } });
  const { longAnswer, tokens } = await vite.ssrLoadModule("/test/markdown/sample.ts");
  const { crafted } = await vite.ssrLoadModule("/test/markdown/crafted.ts");
  await vite.close();
  const answer = tokens(longAnswer(Number(options.tokens) * 4));
  const lines = (what, count, first, line) => ({ what, unit: "line", tokens: [first, ...Array.from({ length: count }, (_, i) => line(i))], rate: LINES_RATE, alone: LINES_ALONE });
  const paragraphs = crafted.map(([, text]) => `: ${text}`).join("\n\n").match(/[\s\S]{1,64}/g); /* none begins a fence, which would make code of all behind it */
  const answers = {
    stream: { what: `${answer.length} tokens`, unit: "token", tokens: answer, rate: Number(options.rate), alone: ALONE },
    code: lines("5000 lines of code", 5_000, "```js\n", (i) => `const value${i} = compute(${i}, "some text"); // of line ${i}\n`),
    table: lines("2000 rows of a table", 2_000, "| name | value | note |\n|:--|--:|---|\n", (i) => `| row ${i} | ${i * 7} | some **bold** words and \`code\` |\n`),
    list: lines("2000 items of a list", 2_000, "", (i) => `- item ${i} has *some* words in it\n`),
    crafted: { what: `${crafted.length} crafted paragraphs`, unit: "piece of 64 characters", tokens: paragraphs, rate: LINES_RATE, alone: LINES_ALONE },
  };
  return { longAnswer, answers };
}

const { longAnswer, answers } = await sample();
const texts = Array.from({ length: MESSAGES }, (_, index) => (index % 2 === 0 ? `What of number ${index}?` : `${longAnswer(MESSAGE_CHARS, index)}\n\nThis is the end of ${index}.`));
const server = await startServer(answers);
const load = loadavg()[0];
try {
  if (wanted.has("bytes")) measureBytes();
  if (wanted.has("view")) await measureView(server.url);
  for (const [question, answer] of Object.entries(answers)) if (wanted.has(question)) await measureStream(server.url, question, answer);
  if (wanted.has("open")) await measureOpening(server.url, texts);
} finally {
  await browser.close();
  server.close();
}
const shown = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0));
const width = Math.max(...rows.map(({ what }) => what.length));
console.log(`${"what".padEnd(width)}  ${"median".padStart(8)}  ${"lowest".padStart(8)}  ${"highest".padStart(8)}       budget`);
for (const one of rows) {
  const verdict = one.budget === null ? "" : `${String(one.budget).padStart(6)} ${one.median <= one.budget ? "met" : "NOT MET"}`;
  console.log(`${one.what.padEnd(width)}  ${shown(one.median).padStart(8)}  ${shown(one.lowest).padStart(8)}  ${shown(one.highest).padStart(8)}  ${one.unit}  ${verdict}`);
}
console.log(`${runs} runs; Chromium ${browser.version()}; the load of the machine was ${load.toFixed(1)} when this began, ${loadavg()[0].toFixed(1)} when it ended`);
if (options.out) writeFileSync(options.out, `${JSON.stringify({ runs, load, rows }, null, 1)}\n`);
