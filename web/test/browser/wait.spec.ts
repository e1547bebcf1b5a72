/* Waiting, refusals and lost connections, in words. */
import { expect, test } from "./fixtures";
import { answered, answers, ask, entries, showList } from "./person";

test("a refusal says what happened, which request it was, and can be tried again", async ({ page, door, watch }) => {
  watch.allow(/Failed to load resource/);
  await door.script({ refuse: { status: 400, message: "no such thing" } });
  await ask(page, "Go");
  await answered(page);
  await expect(page.getByText("No answer came.")).toBeVisible();
  await expect(page.getByText(/^Request /)).toBeVisible();
  await door.script({ text: "Now it works." });
  await page.getByRole("button", { name: "Try again" }).first().click();
  await expect(answers(page)).toContainText("Now it works.");
  await expect(answers(page)).toHaveCount(1);
});

test("a refusal with a time counts down, and can be tried at once", async ({ page, door, watch }) => {
  await door.script({ text: "Hello" });
  watch.allow(/Failed to load resource/);
  const refused = { error: { message: "not yet", type: "rate_limit_error", param: null, code: "come_back_later" } };
  await page.route("**/v1/chat/completions", (route) => route.fulfill({ status: 429, headers: { "Retry-After": "30" }, json: refused }));
  await ask(page, "Go");
  await expect(page.getByRole("timer")).toContainText(/Next try in \d+ s/);
  await expect(page.getByText("it is not your turn yet")).toBeVisible();
  await page.unroute("**/v1/chat/completions");
  await page.getByRole("button", { name: "Try now" }).click();
  await expect(answers(page)).toContainText("Hello");
});

test("a connection that is lost is told in words", async ({ page }) => {
  const body = ": keep-alive waiting=12 estimate_ms=34000\n\n";
  await page.route("**/v1/chat/completions", (route) => route.fulfill({ status: 200, headers: { "Content-Type": "text/event-stream", "Seawall-Stream": "s" }, body }));
  await page.route("**/v1/streams/s", () => undefined);
  await ask(page, "Go");
  await expect(page.locator(".wait")).toContainText("The connection was lost. Coming back for the answer…");
});

test("a reload in mid-answer loses no word and shows none twice", async ({ page, door }) => {
  await door.script({ text: "One, two, " }, { hold: "reloaded" }, { text: "three." });
  await ask(page, "Count");
  await expect(answers(page)).toContainText("One, two,");
  await page.reload();
  await expect(answers(page)).toContainText("One, two,");
  await door.release("reloaded");
  await answered(page);
  await expect(answers(page).locator(".md")).toHaveText("One, two, three.");
  expect((await door.calls()).length).toBe(1);
});

test("a reload comes back for the answers of other conversations too", async ({ page, door }) => {
  await door.script({ text: "One, " }, { hold: "reloaded" }, { text: "two." });
  await ask(page, "First");
  await expect(answers(page)).toContainText("One,");
  await showList(page);
  await page.getByRole("button", { name: "New chat" }).first().click();
  await ask(page, "Second");
  await expect(answers(page)).toContainText("One,");
  await page.reload();
  await showList(page);
  await expect(entries(page)).toHaveCount(2);
  await expect.poll(async () => (await door.calls()).every((call) => !call.hungUp)).toBe(true);
  await door.release("reloaded");
  for (const at of [0, 1]) {
    await showList(page);
    await entries(page).nth(at).getByRole("link").or(entries(page).nth(at).getByRole("button").first()).first().click();
    await answered(page);
    await expect(answers(page).locator(".md")).toHaveText("One, two.");
  }
  expect((await door.calls()).length).toBe(2);
});

test("a gateway that dies in mid-answer: what came stays, and can be continued", async ({ openDoor, context }) => {
  const door = await openDoor();
  const page = await context.newPage();
  await page.goto(await door.link());
  await door.script({ text: "Half a" }, { hold: "never" });
  await ask(page, "Go");
  await expect(answers(page)).toContainText("Half a");
  await door.crash();
  await expect(page.getByRole("button", { name: "Continue from here" })).toBeVisible({ timeout: 28_000 });
  await door.script({ text: " sentence." });
  await page.getByRole("button", { name: "Continue from here" }).click();
  await answered(page);
  await expect(answers(page)).toContainText("Half a sentence.");
});

test("a gateway that dies while calls wait: they are asked again by themselves, and once each", async ({ openDoor, context }) => {
  const door = await openDoor({ pool: { calls: 1 } });
  const pages = [await context.newPage(), await context.newPage()];
  await door.script({ hold: "first" }, { text: "At last." });
  for (const page of pages) {
    await page.goto(await door.link());
    await ask(page, "Go");
    await expect(page.locator(".wait")).toBeVisible();
    await expect.poll(async () => (await door.calls()).length).toBe(1);
  }
  await expect(pages[1]!.locator(".wait")).toContainText(/\d/);
  await door.crash();
  await door.release("first");
  for (const page of pages) await expect(answers(page)).toContainText("At last.", { timeout: 28_000 });
  expect((await door.calls()).length).toBe(3);
});
