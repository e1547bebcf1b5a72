/*
 * A busy service, played by nobody: the real gate in front of the project's simulated engine, which takes as long as an engine takes, and other callers in
 * the way. What a page shows here is what the daemon said. The words are looked at in English, those of the queue in Chinese and in the dark, too.
 */
import { expect, test } from "./fixtures";
import { answered, answers, ask, expectGood } from "./person";

const SHORT = { "answer.tokens_median": 60, "answer.tokens_p90": 60 };
const LONG = { "answer.tokens_median": 400, "answer.tokens_p90": 400 };
/* Queues and engines take their time, and a promise that was given may be some seconds ahead. */
const LATE_MS = 40_000;
test.setTimeout(80_000);

test("a call that waits is told its place and about how long, and goes on by itself @looks", async ({ busy }) => {
  const { page, door } = await busy({ simulated: SHORT, pool: { calls: 1 } });
  await door.crowd({ calls: 4, until: { 'seawall_turns_waiting{pool="test",class="unknown"}': 2 } });
  await ask(page, "When is high water?");
  await expect(page.locator(".wait")).toContainText(/Waiting for a turn: \d+ requests? (is|are) waiting, about \d+.* of work\.|正在排队：共有 \d+ 个请求在等待，大约需要 .+。/);
  await expectGood(page, "queued");
  await answered(page, LATE_MS);
  await expect(answers(page).locator(".md")).not.toBeEmpty();
  await expect(page.locator(".wait")).toHaveCount(0);
});

test("a model that thinks is seen thinking, and what it thought can be read afterwards", async ({ busy }) => {
  const { page } = await busy({ simulated: { ...SHORT, "answer.thinking_median": 120, "answer.thinking_p90": 120 } });
  await ask(page, "Why does the sea go out?");
  await expect(page.locator(".thoughts-live .thoughts-body")).not.toBeEmpty();
  await expectGood(page, "thinking");
  await answered(page, LATE_MS);
  await expect(page.locator(".thoughts-body")).toHaveCount(0);
  await expect(page.locator(".thoughts-head")).toContainText(/Thought for \d/);
  await expectGood(page, "thought");
});

test("what a busy service left away of an answer is said above it, and the answer can be continued", async ({ busy }) => {
  const pressed = { crowds: true, output: "on", reasoning: "on", output_tokens: 24, unknown: "reasoning" };
  const { page, door } = await busy({
    simulated: { ...LONG, "answer.thinking_median": 20, "answer.thinking_p90": 20 },
    pool: { calls: 1 },
    model: { reasoning: "reasoning_effort" },
    ladder: pressed,
    limits: { waiting_per_identity: 64 },
    deadlines: { turn: "60s", siege_turn: "60s" },
  });
  await door.crowd({ calls: 24, tokens: 400, until: { 'seawall_ladder_rungs{pool="test"}': 2 } });
  await ask(page, "Explain the tides at length");
  await expect(page.locator(".wait")).toBeVisible();
  await door.disperse();
  await expect(page.locator(".reduced")).toContainText(/Served smaller, because the service is busy: the answer may have 24 tokens; the model was told to think less/);
  await answered(page, LATE_MS);
  await expect(page.locator(".answer .notice")).toContainText(/The answer ended at the 24 tokens that the busy service gives it\./);
  await expectGood(page, "reduced");
});

test("an answer that runs when the service gets busy, and is shortened, says so and can be continued", async ({ busy }) => {
  const { page, door } = await busy({
    simulated: LONG,
    pool: { calls: 1 },
    ladder: { crowds: true, output_tokens: 24 },
    limits: { waiting_per_identity: 64 },
    deadlines: { turn: "60s", siege_turn: "60s" },
  });
  await ask(page, "Explain the tides at length");
  await expect(answers(page).locator(".md")).not.toBeEmpty();
  await expect(page.locator(".reduced")).toHaveCount(0);
  await door.crowd({ calls: 24, tokens: 400, until: { 'seawall_ladder_rungs{pool="test"}': 1 } });
  await answered(page, LATE_MS);
  await door.disperse();
  await expect(page.locator(".reduced")).toContainText(/Served smaller, because the service is busy: the answer may have \d+ tokens/);
  await expect(page.locator(".answer .notice")).toContainText(/The answer ended at the \d+ tokens that the busy service gives it\./);
  await expectGood(page, "shortened");
  const before = await answers(page).locator(".md").innerText();
  await answers(page).locator(".notice button").click();
  await answered(page, LATE_MS);
  expect((await answers(page).locator(".md").innerText()).length).toBeGreaterThan(before.length);
});

test("an answer that is cut for others says so, and goes on when there is room", async ({ busy, watch }) => {
  watch.allow(/Failed to load resource/); /* who goes on before its time is told when that is */
  const { page, door } = await busy({ simulated: LONG, pool: { calls: 1 } });
  await ask(page, "Tell me about harbours");
  await expect(answers(page).locator(".md")).not.toBeEmpty();
  await door.crowd({ calls: 1, tokens: 60, granted: 1_000_000 });
  await answered(page, LATE_MS);
  await expect(page.locator(".answer .notice")).toContainText(/The service ended this answer early, because others were waiting\./);
  const before = await answers(page).locator(".md").innerText();
  await expectGood(page, "cut");
  await answers(page).locator(".notice button").click();
  await answered(page, LATE_MS);
  const after = await answers(page).locator(".md").innerText();
  expect(after.startsWith(before.trimEnd())).toBe(true);
  expect(after.length).toBeGreaterThan(before.length);
});

test("a call that finds no turn in its time is told when it comes back, and comes back by itself, as often as it takes", async ({ busy, watch }) => {
  watch.allow(/Failed to load resource/);
  const { page, door } = await busy({ simulated: LONG, pool: { calls: 1 }, deadlines: { turn: "1s", siege_turn: "1s" } });
  await door.crowd({ calls: 1, tokens: 400, until: { 'seawall_turns_running{pool="test",class="unknown"}': 1 } });
  let asked = 0;
  page.on("request", (request) => (asked += Number(request.url().endsWith("/v1/chat/completions"))));
  await ask(page, "Is there room?");
  await expect(page.locator(".answer .notice [role=timer]")).toContainText(/Next try in \d+ s\./);
  await expectGood(page, "again");
  await expect.poll(() => asked, { timeout: LATE_MS }).toBeGreaterThan(2);
  await door.disperse();
  await answered(page, LATE_MS);
  await expect(answers(page).locator(".md")).not.toBeEmpty();
});
