import { afterEach, describe, expect, it, vi } from "vitest";
import { Answer } from "../../src/api/answer";
import { createClient } from "../../src/api/client";
import { ApiError, type AnswerEvent, type AnswerHandle, type AnswerState, type ResumePoint } from "../../src/api/types";
import { random } from "../random";
import { event, finish, refusal, scripted, stream, text, TestClock, type Call, type Reply } from "./door";

const ASK = { model: "m", messages: [{ role: "user" as const, content: "hi" }], sampling: { temperature: 0 } };

interface Heard {
  events: AnswerEvent[];
  text: string;
  reasoning: string;
  states: string[];
  last: AnswerState;
  calls: Call[];
  clock: TestClock;
}

async function play(replies: Reply[], options: { point?: ResumePoint; clock?: TestClock; until?: (heard: AnswerEvent) => boolean; act?: (handle: AnswerHandle, event: AnswerEvent) => void } = {}): Promise<Heard> {
  const clock = options.clock ?? new TestClock();
  const door = scripted(replies);
  const client = createClient({ base: "", key: () => "sk-1", answer: () => Answer, fetch: door.fetch, clock });
  const events: AnswerEvent[] = [];
  await new Promise<void>((resolve) => {
    const hear = (news: AnswerEvent): void => {
      events.push(news);
      queueMicrotask(() => options.act?.(handle, news));
      const ended = news.kind === "state" && (["done", "stopped", "broken"].includes(news.state.kind) || (news.state.kind === "refused" && news.state.againAtMs === null));
      if (ended || options.until?.(news)) resolve();
    };
    const handle = options.point ? client.resume(options.point, hear) : client.ask(ASK, hear);
  });
  const states = events.flatMap((news) => (news.kind === "state" ? [news.state] : []));
  const join = (kind: "text" | "reasoning"): string => events.map((news) => (news.kind === kind ? news.text : "")).join("");
  return { events, text: join("text"), reasoning: join("reasoning"), states: states.map((state) => state.kind), last: states.at(-1) as AnswerState, calls: door.calls, clock };
}

const HEAD = { "seawall-stream": "s1", "x-request-id": "r1" };

describe("an answer", () => {
  it("is asked for and told", async () => {
    const heard = await play([
      () => stream([
        ": keep-alive waiting=12 estimate_ms=3400\n\n", ": admitted\n\n", event(1, { model: "m", choices: [{ delta: { role: "assistant", content: "" } }] }),
        event(2, { choices: [{ delta: { reasoning_content: "hm" } }] }), event(3, text("Hel")) + event(4, text("lo")), event(5, finish("stop")),
        event(6, { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } }), event(7, "[DONE]"),
      ], { ...HEAD, "seawall-reduced": "output=256" }),
    ]);
    expect(heard.states).toEqual(["queued", "near", "reasoning", "answering", "done"]);
    expect(heard.last).toEqual({ kind: "done", finish: "stop" });
    expect(heard.events.filter((news) => news.kind !== "state")).toEqual([
      { kind: "head", requestId: "r1", model: "m", reductions: [{ step: "output", detail: "256" }], streamId: "s1" },
      { kind: "reasoning", text: "hm", eventId: 2, tagged: false },
      { kind: "text", text: "Hello", eventId: 4 },
      { kind: "usage", usage: { promptTokens: 1, completionTokens: 2, reasoningTokens: 0 } },
    ]);
    expect(heard.calls[0]?.headers).toMatchObject({ Authorization: "Bearer sk-1", "Seawall-Resumable": "yes", "Seawall-Progress": "yes" });
    expect(JSON.parse(heard.calls[0]?.body ?? "")).toEqual({ model: "m", messages: ASK.messages, stream: true, stream_options: { include_usage: true }, temperature: 0 });
  });

  it.each([
    [finish("length"), "length"],
    [finish("content_filter"), "other"],
    [{ ...finish("length"), seawall: { ended: "gave_way", retry_after: 7 } }, "cut"],
    [{ ...finish("length"), seawall: { ended: "shortened", reduced: "output=256" } }, "length"],
  ])("says how it ended: %j", async (last, how) => {
    expect((await play([() => stream([event(1, text("a")), event(2, last), event(3, "[DONE]")], HEAD)])).last).toEqual({ kind: "done", finish: how });
  });

  it("tells at the end what was left away, when a busy door shortened what ran", async () => {
    const heard = await play([() => stream([event(1, text("a")), event(2, { ...finish("length"), seawall: { ended: "shortened", reduced: "output=17" } }), event(3, "[DONE]")], HEAD)]);
    const heads = heard.events.flatMap((news) => (news.kind === "head" ? [news.reductions] : []));
    expect(heads).toEqual([[], [{ step: "output", detail: "17" }]]);
  });

  it("passes over what the engine should not have said, and a listener's mistakes", async () => {
    const complaint = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const heard = await play([() => stream([event(1, "{"), event(2, text("a")), event(3, "[]"), event(4, text("b")), event(5, "[DONE]")], HEAD)], {
      until: (news) => {
        if (news.kind === "text") throw new Error("mine");
        return false;
      },
    });
    expect(heard.text).toBe("ab");
    expect(complaint).toHaveBeenCalledTimes(2);
    complaint.mockRestore();
  });

  it("breaks at an error event, with what came", async () => {
    const heard = await play([() => stream([event(1, text("a")), event(2, { error: { message: "x", type: "t", code: "disabled_api_key" } })], HEAD)]);
    expect(heard.text).toBe("a");
    expect(heard.last).toEqual({ kind: "broken", why: "disabled_api_key" });
  });
});

describe("a refusal", () => {
  it("with a time is waited for, with the ticket", async () => {
    const heard = await play([
      () => refusal(503, "no_turn", { "retry-after": "3", "seawall-ticket": "t1" }),
      () => stream([": keep-alive waiting=1\n\n", event(null, { error: { code: "no_turn", message: "x" }, request_id: "r2", seawall: { retry_after_ms: 1500, ticket: "t2" } })], HEAD),
      () => stream([event(1, text("a")), event(2, "[DONE]")], HEAD),
    ]);
    expect(heard.states).toEqual(["refused", "queued", "refused", "answering", "done"]);
    expect(heard.clock.waits).toEqual([3000, 1500]);
    expect(heard.calls.map((call) => call.headers["Seawall-Ticket"])).toEqual([undefined, "t1", "t2"]);
  });

  it("in a stream counts no events of the next one", async () => {
    const refused = (): Response => stream([event(1, { error: { code: "no_turn", message: "x" }, seawall: { retry_after_ms: 1500 } })], HEAD);
    const heard = await play([refused, refused, () => stream([event(1, text("a")), event(2, text("b")), event(3, "[DONE]")], HEAD)]);
    expect(heard.states).toEqual(["refused", "refused", "answering", "done"]);
    expect(heard.text).toBe("ab");
    expect(heard.calls.map(({ method }) => method)).toEqual(["POST", "POST", "POST"]);
  });

  it.each([[401, "invalid_api_key"], [401, "expired_api_key"], [400, "invalid_value"], [500, "internal_error"]])("without a time is final: %d %s", async (status, code) => {
    const heard = await play([() => refusal(status, code)]);
    expect(heard.last).toEqual({ kind: "refused", refusal: { status, code, message: `it is ${code}`, retryAfterMs: null, requestId: "" }, againAtMs: null });
    expect(heard.calls.length).toBe(1);
  });

  it("is not waited for when somebody tries now, and its ticket goes with that", async () => {
    const clock = new TestClock();
    clock.wait = (_ms, signal) => new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    const heard = await play(
      [() => refusal(503, "no_turn", { "retry-after": "60", "seawall-ticket": "t1" }), () => stream([event(1, text("a")), event(2, "[DONE]")], HEAD)],
      { clock, act: (handle) => handle.now() },
    );
    expect(heard.text).toBe("a");
    expect(heard.calls.map((call) => call.headers["Seawall-Ticket"])).toEqual([undefined, "t1"]);
  });

  it.each([[502, "bad_gateway"], [503, "model_unavailable"], [503, ""]])("of nobody behind the door, without a time, is tried twice more: %d %s", async (status, code) => {
    const gone = await play(Array.from({ length: 9 }, () => () => refusal(status, code)));
    expect(gone.last).toMatchObject({ kind: "refused", refusal: { status }, againAtMs: null });
    expect(gone.calls.length).toBe(3);
    expect(gone.clock.waits).toEqual([300, 600]);
    const back = await play([() => refusal(status, code), () => stream([event(1, text("a")), event(2, "[DONE]")], HEAD)]);
    expect(back.text).toBe("a");
  });

  it("that asks for too much patience is final, and all of them together end", async () => {
    const far = await play([() => refusal(429, "insufficient_quota", { "retry-after": "86400" })]);
    expect(far.last).toMatchObject({ kind: "refused", againAtMs: null, refusal: { retryAfterMs: 86_400_000 } });
    const many = await play(Array.from({ length: 100 }, () => () => refusal(503, "no_turn", { "retry-after": "1" })));
    expect(many.last).toMatchObject({ kind: "refused", againAtMs: null });
    expect(many.calls.length).toBe(40);
  });

  it("of nobody at all is tried again for a while", async () => {
    const heard = await play([]);
    expect(heard.last).toMatchObject({ kind: "refused", refusal: { status: 0, code: "unreachable" }, againAtMs: null });
    expect(heard.calls.length).toBe(7);
  });

  it("is no page of somebody between", async () => {
    expect((await play([() => new Response("<html>log in", { status: 200, headers: { "content-type": "text/html" } })])).last).toMatchObject({ refusal: { status: 200, code: "no_stream" } });
  });
});

describe("a lost connection", () => {
  it("is returned to, and nothing is told twice", async () => {
    const heard = await play([
      () => stream([event(1, text("a")), event(2, text("b"))], HEAD, "cut"),
      () => { throw new TypeError("no network"); },
      () => refusal(503, "shutting_down"),
      () => stream([event(2, text("b")), event(3, text("c")), event(4, "[DONE]")]),
    ]);
    expect(heard.text).toBe("abc");
    expect(heard.states).toEqual(["answering", "returning", "returning", "returning", "answering", "done"]);
    expect(heard.clock.waits).toEqual([300, 600, 1200]);
    expect(heard.calls[3]).toMatchObject({ url: "/v1/streams/s1", method: "GET", headers: { Authorization: "Bearer sk-1", "Last-Event-ID": "2" } });
  });

  it.each([404, 410, 403])("that cannot be returned to is said: %d", async (status) => {
    const heard = await play([() => stream([event(1, text("a"))], HEAD, "cut"), () => refusal(status, "stream_gone")]);
    expect(heard.last).toEqual({ kind: "broken", why: "stream_gone" });
  });

  const waiting = (): Response => stream([": keep-alive waiting=3\n\n"], HEAD, "cut");
  const answer = (): Response => stream([event(1, text("a")), event(2, "[DONE]")], { ...HEAD, "seawall-stream": "s2" });
  const asked = ({ calls }: Heard): string[] => calls.map(({ method, url }) => `${method} ${url}`);

  it("of a call that waited, and that the door knows no more, is asked for again, three times at most", async () => {
    const heard = await play([waiting, () => refusal(404, "stream_not_found"), answer]);
    expect(heard.text).toBe("a");
    expect(heard.states).toEqual(["queued", "returning", "refused", "answering", "done"]);
    expect(asked(heard)).toEqual(["POST /v1/chat/completions", "GET /v1/streams/s1", "POST /v1/chat/completions"]);
    const never = await play(Array.from({ length: 9 }, () => [waiting, () => refusal(404, "stream_not_found")]).flat());
    expect(never.last).toMatchObject({ kind: "refused", refusal: { code: "stream_not_found" }, againAtMs: null });
    expect(asked(never).filter((call) => call.startsWith("POST")).length).toBe(3);
  });

  it("behind a tag that opened thoughts and before any of them, is asked for again from the beginning", async () => {
    const heard = await play([() => stream([event(1, text("<think>"))], HEAD, "cut"), () => refusal(404, "stream_not_found"), () => stream([event(1, text("<think>")), event(2, text("hm</think>a")), event(3, "[DONE]")], HEAD)]);
    expect(heard.reasoning).toBe("hm");
    expect(heard.text).toBe("a");
  });

  it("of a call that waited, and was sent away meanwhile, is asked for again when it may, with its ticket", async () => {
    const sentAway = event(1, { error: { code: "no_turn", message: "x" }, seawall: { retry_after_ms: 1500, ticket: "t1" } });
    const heard = await play([waiting, () => stream([sentAway], HEAD), answer]);
    expect(heard.text).toBe("a");
    expect(heard.clock.waits).toEqual([300, 1500]);
    expect(heard.calls.map((call) => call.headers["Seawall-Ticket"])).toEqual([undefined, undefined, "t1"]);
  });

  it("of an answer that had begun is broken by a refusal in the stream it returns to", async () => {
    const sentAway = event(2, { error: { code: "shutting_down", message: "x" }, seawall: { retry_after_ms: 1500 } });
    const heard = await play([() => stream([event(1, text("a"))], HEAD, "cut"), () => stream([sentAway], HEAD), answer]);
    expect(heard.last).toEqual({ kind: "broken", why: "shutting_down" });
  });

  it("before anything came, and without a stream id, is as nobody at all", async () => {
    const heard = await play([() => stream([": keep-alive waiting=3\n\n"], {}, "cut"), answer]);
    expect(heard.text).toBe("a");
  });

  it("without a stream id is lost", async () => {
    expect((await play([() => stream([event(null, text("a"))], {}, "cut")])).last).toEqual({ kind: "broken", why: "lost" });
  });

  it("is given up after a while; a browser that is offline waits for its network first", async () => {
    const gone = await play([() => stream([event(1, text("a"))], HEAD, "cut")]);
    expect(gone.last).toEqual({ kind: "broken", why: "lost" });
    expect(gone.clock.nowMs).toBeLessThan(1_000_000 + 30_000);
    const clock = new TestClock();
    clock.isOnline = false;
    const wait = clock.wait.bind(clock);
    const late: Reply[] = [() => stream([event(1, text("a"))], HEAD, "cut")];
    clock.wait = async (ms, signal) => {
      await wait(ms, signal);
      if (ms > 60_000) {
        clock.isOnline = true;
        late.push(() => stream([event(2, text("b")), event(3, "[DONE]")]));
      }
    };
    expect((await play(late, { clock })).text).toBe("ab");
  });

  it("after the engine's last word is an end", async () => {
    expect((await play([() => stream([event(1, text("a")), event(2, finish("stop"))], HEAD, "cut")])).last).toEqual({ kind: "done", finish: "stop" });
  });

  it("gives each piece exactly once, wherever it is lost", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const chance = random(seed);
      const pieces = Array.from({ length: 30 }, (_, i) => `${i} `);
      const tagged = seed % 3 === 0;
      const words = tagged ? ["<th", "ink>", ...pieces, "</thi", "nk>", ...pieces] : pieces;
      const events = [...words.map((word, i) => event(i + 1, text(word))), event(words.length + 1, finish("stop")), event(words.length + 2, "[DONE]")];
      const bytes = new TextEncoder().encode(events.join(""));
      const starts = events.map((_, i) => new TextEncoder().encode(events.slice(0, i).join("")).length);
      const reply: Reply = (call) => {
        if (chance() < 0.2) throw new TypeError("no network");
        const after = Number(call.headers["Last-Event-ID"] ?? 0);
        const from = starts[Math.max(0, after - Math.floor(chance() * 3))] ?? 0;
        const to = chance() < 0.2 ? bytes.length : Math.min(bytes.length, from + Math.floor(chance() * 600));
        const parts: Uint8Array[] = [];
        for (let at = from; at < to; at += 97) parts.push(bytes.subarray(at, Math.min(to, at + 97)));
        return stream(parts, HEAD, chance() < 0.5 ? "cut" : "end");
      };
      const heard = await play([() => stream([], HEAD, "cut"), ...Array.from({ length: 500 }, () => reply)]);
      expect(heard.text).toBe(pieces.join(""));
      expect(heard.reasoning).toBe(tagged ? pieces.join("") : "");
      expect(heard.last.kind).toBe("done");
    }
  });

  it("gives each piece exactly once over reloads, too", async () => {
    const pieces = Array.from({ length: 20 }, (_, i) => `${i} `);
    const events = ["<thi", "nk>a", "b</th", "ink>", ...pieces].map((word, i) => event(i + 1, text(word)));
    for (let at = 0; at <= events.length; at++) {
      const first = await play([() => stream(events.slice(0, at), HEAD, "hang")], { act: () => undefined, until: (news) => news.kind === "head", point: { streamId: "s1", lastEventId: 0 } });
      await new Promise((resolve) => setTimeout(resolve, 5));
      const told = first.events.filter((news) => news.kind === "text" || news.kind === "reasoning");
      const last = told.at(-1);
      const point: ResumePoint = { streamId: "s1", lastEventId: last?.eventId ?? 0, tagged: last?.kind === "reasoning" && last.tagged };
      const second = await play([() => stream([...events.slice(point.lastEventId), event(99, "[DONE]")], HEAD)], { point });
      const join = (kind: string): string => told.map((news) => (news.kind === kind ? news.text : "")).join("");
      expect(join("text") + second.text).toBe(pieces.join(""));
      expect(join("reasoning") + second.reasoning).toBe("ab");
    }
  });
});

describe("a person", () => {
  it("stops an answer, and the door hears of it", async () => {
    const heard = await play([() => stream([event(1, text("a"))], HEAD, "hang")], { act: (handle, news) => news.kind === "text" && handle.stop() });
    expect(heard.last).toEqual({ kind: "stopped" });
    expect(heard.calls[1]).toMatchObject({ url: "/v1/streams/s1", method: "DELETE", headers: { Authorization: "Bearer sk-1" } });
  });

  it("stops waiting", async () => {
    const heard = await play([() => refusal(503, "no_turn", { "retry-after": "3" })], { act: (handle, news) => news.kind === "state" && handle.stop() });
    expect(heard.states).toEqual(["refused", "stopped"]);
    expect(heard.calls.length).toBe(1);
  });

  it("leaves, and hears no more", async () => {
    const heard = await play([() => stream([event(1, text("a")), event(2, text("b")), event(3, "[DONE]")], HEAD)], { act: (handle) => handle.leave(), until: (news) => news.kind === "head" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(heard.events.length).toBe(1);
    expect(heard.calls.length).toBe(1);
  });
});

describe("models", () => {
  const client = (reply: Reply) => createClient({ base: "", key: () => null, answer: () => Answer, fetch: scripted([reply]).fetch });
  afterEach(() => vi.restoreAllMocks());

  it("are named", async () => {
    expect(await client(() => Response.json({ data: [{ id: "a" }, { id: 5 }, null, { id: "b" }] })).models()).toEqual(["a", "b"]);
  });

  it.each([
    [() => refusal(401, "missing_api_key"), "missing_api_key"],
    [() => new Response("x"), "no_list"],
    [() => { throw new TypeError("no network"); }, "unreachable"],
  ] as [Reply, string][])("or it is said why not (%#)", async (reply, code) => {
    const error: unknown = await client(reply).models().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).refusal.code).toBe(code);
  });
});
