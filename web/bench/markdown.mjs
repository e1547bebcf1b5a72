/*
 * How much script time a token of a long answer costs, when the page draws after every token: 10,000 tokens of prose, lists, tables, code and maths.
 *
 *   node bench/markdown.mjs [tokens]
 *
 * Runs in Node: `parse` is the stream alone, `draw` with Preact into jsdom, whose elements are slower than a browser's. Prints milliseconds.
 */
import { JSDOM } from "jsdom";
import { createServer } from "vite";

const count = Number(process.argv[2] ?? 10_000);
const { window } = new JSDOM('<div id="root"></div>');
Object.assign(globalThis, { window, document: window.document, Element: window.Element, HTMLElement: window.HTMLElement });

const server = await createServer({ server: { middlewareMode: true }, appType: "custom", logLevel: "error", optimizeDeps: { noDiscovery: true } });
const load = (path) => server.ssrLoadModule(path);
const [{ createMarkdownStream }, { MarkdownView }, { longAnswer, tokens }, { h, render }] = await Promise.all([
  load("/src/markdown/stream.ts"), load("/src/markdown/view.tsx"), load("/test/markdown/sample.ts"), load("preact"),
]);

const labels = { copy: "", copied: "", copyFailed: "", code: "", table: "", picture: "", leadsTo: "", brokenMaths: "", taskDone: "", taskOpen: "" };
const text = tokens(longAnswer(count * 4));

function run(draw) {
  const stream = createMarkdownStream();
  const times = text.map((token) => {
    const began = performance.now();
    stream.append(token);
    draw(stream.blocks());
    return performance.now() - began;
  });
  times.sort((a, b) => a - b);
  const sum = times.reduce((total, ms) => total + ms, 0);
  return { mean: sum / times.length, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)], max: times.at(-1) };
}

const root = document.getElementById("root");
const rows = { parse: run(() => undefined), draw: run((blocks) => render(h(MarkdownView, { blocks, labels }), root)) };
for (const [name, row] of Object.entries(rows)) {
  console.log(`${name.padEnd(6)}${Object.entries(row).map(([what, ms]) => `  ${what} ${ms.toFixed(3)}`).join("")}`);
}
await server.close();
process.exit(0);
