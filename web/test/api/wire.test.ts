import { describe, expect, it } from "vitest";
import { ThinkSplitter } from "../../src/api/think";
import { readChunk, readComment, readReductions, readRefusal, readRetryAfter } from "../../src/api/wire";
import { random, slices } from "../random";

describe("the wire", () => {
  it("reads events of an answer", () => {
    expect(readChunk('{"model":"m","choices":[{"delta":{"content":"a","reasoning_content":"b"},"finish_reason":null}]}')).toEqual({ model: "m", text: "a", reasoning: "b" });
    expect(readChunk('{"choices":[{"delta":{},"finish_reason":"length"}],"seawall":{"ended":"gave_way","retry_after":7}}')).toEqual({ finish: "length", cut: true });
    expect(readChunk('{"choices":[{"delta":{},"finish_reason":"length"}],"seawall":{"ended":"shortened","reduced":"output=256, reasoning=low"}}')).toEqual({
      finish: "length", reductions: [{ step: "output", detail: "256" }, { step: "reasoning", detail: "low" }],
    });
    expect(readChunk('{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"completion_tokens_details":{"reasoning_tokens":2},"seawall":{"cut":"tokens_per_day"}}}')).toEqual({
      usage: { promptTokens: 3, completionTokens: 4, reasoningTokens: 2 }, cut: true,
    });
    expect(readChunk('{"error":{"message":"m","code":"no_turn"},"request_id":"r","seawall":{"retry_after_ms":1500,"ticket":"t"}}')?.error).toMatchObject({ code: "no_turn", requestId: "r", retryAfterMs: 1500, ticket: "t" });
  });

  it.each(["", "{", "[]", "null", "7", '"x"'])("has no event in %s", (data) => expect(readChunk(data)).toBeNull());

  it.each([
    '{"choices":{}}', '{"choices":[null]}', '{"choices":[{"delta":null}]}', '{"choices":[{"delta":{"content":{"a":1}}}]}', '{"usage":null}', '{"seawall":[]}',
  ])("passes over %s", (data) => expect(readChunk(data)).toEqual({}));

  it("counts nothing that is no number", () => {
    expect(readChunk('{"usage":{"prompt_tokens":"9","completion_tokens":-1}}')?.usage).toEqual({ promptTokens: 0, completionTokens: 0, reasoningTokens: 0 });
  });

  it("reads comments", () => {
    expect(readComment("keep-alive waiting=12 estimate_ms=3400")).toEqual({ kind: "waiting", waiting: 12, estimateMs: 3400 });
    expect(readComment("keep-alive waiting=0")).toEqual({ kind: "waiting", waiting: 0, estimateMs: null });
    expect(readComment("admitted")).toEqual({ kind: "admitted" });
    expect(readComment('reduced output=256, model="a, \\"b\\""')).toEqual({ kind: "reduced", reductions: [{ step: "output", detail: "256" }, { step: "model", detail: 'a, "b"' }] });
    expect(readComment("keep-alive")).toBeNull();
    expect(readComment("ping 12")).toBeNull();
  });

  it("reads what was reduced", () => {
    expect(readReductions('output=256, reasoning=low, context=-12, model="small"')).toEqual([
      { step: "output", detail: "256" }, { step: "reasoning", detail: "low" }, { step: "context", detail: "-12" }, { step: "model", detail: "small" },
    ]);
    expect(readReductions("model")).toEqual([{ step: "model", detail: "" }]);
    expect(readReductions(null)).toEqual([]);
  });

  it("reads times to come back", () => {
    expect(readRetryAfter("7", 0)).toBe(7000);
    expect(readRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4000)).toBe(6000);
    expect(readRetryAfter("soon", 0)).toBeNull();
    expect(readRetryAfter(null, 0)).toBeNull();
  });

  it("reads refusals, also of those who do not speak our form", async () => {
    const own = new Response('{"error":{"message":"no turn","code":"no_turn"},"request_id":"b"}', { status: 503, headers: { "retry-after": "3", "seawall-ticket": "t.1" } });
    expect(await readRefusal(own, 0)).toEqual({ status: 503, code: "no_turn", message: "no turn", retryAfterMs: 3000, requestId: "b", ticket: "t.1" });
    expect(await readRefusal(new Response("<html>Bad gateway", { status: 502 }), 0)).toEqual({ status: 502, code: "", message: "", retryAfterMs: null, requestId: "", ticket: null });
  });
});

describe("reasoning in the text", () => {
  function split(text: string, seed: number, mode: "start" | "inside" | "text" = "start"): { reasoning: string; text: string } {
    const splitter = new ThinkSplitter(mode);
    const out = { reasoning: "", text: "" };
    const add = (part: { reasoning: string; text: string }): void => {
      out.reasoning += part.reasoning;
      out.text += part.text;
    };
    for (const slice of slices(text, random(seed), 5)) add(splitter.push(slice));
    add(splitter.end());
    return out;
  }

  it.each([
    ["<think>why < that</thin k</think>\n\nso", "why < that</thin k", "so"],
    ["\n <think>open", "open", ""],
    ["no <think>x</think>", "", "no <think>x</think>"],
    ["<thing>", "", "<thing>"],
    ["<thi", "", "<thi"],
    ["", "", ""],
  ])("is told apart in %j, however it is cut", (text, reasoning, answer) => {
    for (let seed = 0; seed < 50; seed++) expect(split(text, seed)).toEqual({ reasoning, text: answer });
  });

  it("goes on in its middle", () => {
    expect(split("more</think>so", 1, "inside")).toEqual({ reasoning: "more", text: "so" });
    expect(split("<think>x", 1, "text")).toEqual({ reasoning: "", text: "<think>x" });
  });
});
