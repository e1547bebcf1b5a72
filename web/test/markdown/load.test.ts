/* A stream that begins before its parser has been loaded ends as one that did not. */
import { beforeEach, expect, test, vi } from "vitest";
import { parseMarkdown } from "../../src/markdown/stream";

type Load = typeof import("../../src/markdown/load");

beforeEach(() => {
  vi.resetModules();
  vi.doUnmock("../../src/markdown/stream");
});

const load = (): Promise<Load> => import("../../src/markdown/load");

test("what comes before the parser is kept for it", async () => {
  const { createStream, loadParser, parse, parserLoaded } = await load();
  const stream = createStream();
  stream.append("# One\n\ntw");
  expect(parserLoaded()).toBe(false);
  expect(stream.blocks()).toEqual([]);
  expect(parse("# One")).toEqual([]);
  await loadParser();
  expect(parserLoaded()).toBe(true);
  stream.append("o");
  expect(stream.blocks().map(({ node }) => node.type)).toEqual(["heading", "paragraph"]);
  stream.finish();
  expect(stream.blocks()).toEqual(parseMarkdown("# One\n\ntwo"));
  expect(parse("# One\n\ntwo")).toEqual(parseMarkdown("# One\n\ntwo"));
});

test("a stream that ended before the parser came is drawn whole", async () => {
  const { createStream, loadParser } = await load();
  const stream = createStream();
  stream.append("- a\n- b");
  stream.finish();
  stream.append("nothing of this");
  await loadParser();
  expect(stream.blocks()).toEqual(parseMarkdown("- a\n- b"));
});

test("without a parser the text is shown as it was written", async () => {
  vi.doMock("../../src/markdown/stream", () => {
    throw new Error("not loaded");
  });
  const { createStream, loadParser, parse } = await load();
  const stream = createStream();
  stream.append("# O");
  await loadParser();
  stream.append("ne");
  const written = [{ key: 0, node: { type: "code", lang: "", parts: ["# One"], closed: true }, open: false }];
  expect(stream.blocks()).toEqual(written);
  expect(parse("# One")).toEqual(written);
  expect(parse("")).toEqual([]);
});
