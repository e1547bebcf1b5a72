/* The harness itself: what the other tests lean on does what it says. */
import { expect, test } from "./fixtures";

const ASK = { model: "test-model", stream: true, messages: [{ role: "user", content: "Say it" }] };

async function ask(door: { url: string; key: string }): Promise<Response> {
  return fetch(door.url + "/v1/chat/completions", {
    method: "POST",
    headers: { Authorization: `Bearer ${door.key}`, "Content-Type": "application/json" },
    body: JSON.stringify(ASK),
  });
}

test.describe("the scripted engine", () => {
  test("says what it is told, when it is told", async ({ door }) => {
    await door.script({ reasoning: "Hm" }, { text: "one " }, { hold: "here" }, { tokens: { of: ["two "], times: 2 } }, { end: "length" });
    const answer = await ask(door);
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("one ")) text += (await reader.read()).value;
    expect(text).toMatch(/"reasoning_content": ?"Hm"/);
    await door.release("here");
    for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
    expect(text.match(/two /g)).toHaveLength(2);
    expect(text).toMatch(/"finish_reason": ?"length"/);
    expect(text.trimEnd()).toMatch(/data: \[DONE\]$/);
    expect((await door.calls())[0]!.body.messages).toEqual(ASK.messages);
  });

  test("refuses, and is gone in mid-answer", async ({ door }) => {
    await door.script({ refuse: { status: 400, message: "no such thing" } });
    expect((await ask(door)).status).toBe(400);
    await door.script({ text: "half" }, { cut: true });
    const text = await (await ask(door)).text();
    expect(text).toContain("half");
    expect(text).toContain('"error"');
  });

  test("a door of a test's own has its settings, and survives a crash", async ({ openDoor }) => {
    const door = await openDoor({ service: { name: "Another" } });
    expect(await (await fetch(door.url + "/site.json")).json()).toMatchObject({ name: "Another" });
    await door.crash();
    expect((await ask(door)).status).toBe(200);
    expect((await door.tool("key", "list")).out).toContain("test");
    await expect(door.script({ nonsense: 1 } as never)).rejects.toThrow("unknown steps");
  });
});
