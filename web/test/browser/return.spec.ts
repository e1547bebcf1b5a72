/* Answers that were left under way: who gets them, and what everybody else is told. */
import type { BrowserContext, Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import type { Door } from "./door";
import { answered, answers, ask, composer, entries, expectNoBarriers, keyId, showList, signIn, signOut } from "./person";

async function half(page: Page, door: Door): Promise<void> {
  await door.script({ text: "One, " }, { hold: "half" }, { text: "two." });
  await ask(page, "Count");
  await expect(answers(page).last()).toContainText("One,");
}

async function another(context: BrowserContext, door: Door, watch: { follow(page: Page, origin: () => string): Promise<void> }): Promise<Page> {
  const page = await context.newPage();
  await watch.follow(page, () => door.url);
  await page.goto(await door.link());
  await expect(composer(page)).toBeVisible();
  return page;
}

test("who signs out and in again has the answer, whole and once", async ({ page, door }) => {
  await half(page, door);
  await signOut(page);
  await page.getByRole("button", { name: "Back to the conversations" }).click();
  await expect(page.getByText("This answer was under way when you left.")).toBeVisible();
  await expectNoBarriers(page);
  await page.getByRole("button", { name: "Sign in" }).first().click();
  await signIn(page, door.key);
  await door.release("half");
  await answered(page);
  await expect(answers(page).locator(".md")).toHaveText("One, two.");
  expect((await door.calls()).length).toBe(1);
});

test("a page that was closed: who signs in at another one finds the answer in the list", async ({ page, context, door, watch }) => {
  await half(page, door);
  const later = await context.newPage();
  await watch.follow(later, () => door.url);
  await page.close();
  await later.goto(door.url + "/");
  await signIn(later, door.key);
  await showList(later);
  await expect(later.getByRole("img", { name: "An answer is under way" })).toBeVisible();
  await door.release("half");
  await expect(later.getByRole("img", { name: "New answer" })).toBeVisible();
  await entries(later).getByRole("link", { name: "Count" }).click();
  await expect(answers(later).locator(".md")).toHaveText("One, two.");
  expect((await door.calls()).length).toBe(1);
});

/* As a page without TLS. */
const withoutLocks = (): unknown => Object.defineProperty(navigator, "locks", { value: undefined });

for (const locks of [true, false]) {
  test(`of two tabs one has the answer, and the other follows when it is closed${locks ? "" : ", also where the browser has no locks"}`, async ({ context, door, watch }) => {
    if (!locks) await context.addInitScript(withoutLocks);
    const first = await another(context, door, watch);
    const second = await another(context, door, watch);
    const returns: string[] = [];
    for (const [name, page] of [["first", first], ["second", second]] as const) {
      page.on("request", (request) => request.url().includes("/v1/streams/") && returns.push(name));
    }
    await half(first, door);
    await expect(entries(second)).toHaveCount(1);
    await second.goto(first.url());
    await expect(answers(second)).toContainText("One,");
    await expect(second.getByText("This answer is being written in another tab.")).toBeVisible();
    await first.reload();
    await expect(answers(first)).toContainText("One,");
    await expect.poll(() => returns).toEqual(["first"]);
    await first.close();
    await expect.poll(() => returns, { timeout: 15_000 }).toEqual(["first", "second"]);
    await door.release("half");
    await answered(second);
    await expect(answers(second).locator(".md")).toHaveText("One, two.");
    expect((await door.calls()).length).toBe(1);
  });

  test(`a question that is asked in one tab is under way in the other, not broken${locks ? "" : ", also where the browser has no locks"}`, async ({ context, door, watch }) => {
    if (!locks) await context.addInitScript(withoutLocks);
    const first = await another(context, door, watch);
    await door.script({ text: "Before." });
    await ask(first, "Start");
    await answered(first);
    const second = await another(context, door, watch);
    await second.goto(first.url());
    await expect(answers(second)).toContainText("Before.");
    await half(first, door);
    await expect(answers(second).last()).toContainText("This answer is being written in another tab.");
    await door.release("half");
    await expect(answers(second).last().locator(".md")).toHaveText("One, two.");
  });
}

test("a key that is revoked in mid-answer: the reload asks for another one, and says that it cannot have this answer", async ({ openDoor, context, watch }) => {
  watch.allow(/Failed to load resource/);
  const door = await openDoor();
  const page = await another(context, door, watch);
  await half(page, door);
  await door.tool("key", "disable", await keyId(door));
  await page.reload();
  await expect(page.getByText("This key has been disabled. Ask whoever runs this service why.")).toBeVisible();
  const made = /sk-[\w-]+/.exec((await door.tool("key", "create", "second")).out)?.[0] ?? "";
  await signIn(page, made);
  await expect(answers(page)).toContainText("One,");
  await expect(answers(page)).toContainText("The answer broke off and cannot be fetched again.");
  await door.script({ text: "two." });
  await page.getByRole("button", { name: "Continue from here" }).click();
  await answered(page);
  await expect(answers(page).locator(".md")).toHaveText("One, two.");
});

test("a connection lost with a key that is revoked meanwhile: the answer says why, and another key can be given", async ({ openDoor, context, watch }) => {
  watch.allow(/Failed to load resource/);
  const door = await openDoor();
  const page = await another(context, door, watch);
  const body = 'id: 1\ndata: {"choices":[{"index":0,"delta":{"content":"One, "}}]}\n\n';
  const headers = { "Content-Type": "text/event-stream", "Seawall-Stream": "0".repeat(32) };
  await page.route("**/v1/chat/completions", (route) => route.fulfill({ status: 200, headers, body }));
  await page.route("**/v1/streams/*", async (route) => {
    await door.tool("key", "disable", await keyId(door));
    await route.continue();
  });
  await ask(page, "Count");
  await answered(page);
  await expect(answers(page)).toContainText("This key has been disabled.");
  await expect(page.getByRole("button", { name: "Continue from here" })).toBeVisible();
  await expectNoBarriers(page);
  await page.getByRole("button", { name: "Use another key" }).click();
  await expect(page.getByLabel("Key", { exact: true })).toBeFocused();
  /* A later page says it at both places. */
  await page.reload();
  await expect(page.getByText("This key has been disabled. Ask whoever runs this service why.")).toBeVisible();
  await page.getByRole("button", { name: "Back to the conversations" }).click();
  await expect(answers(page)).toContainText("This key has been disabled.");
  await page.getByRole("button", { name: "Use another key" }).click();
  await signIn(page, /sk-[\w-]+/.exec((await door.tool("key", "create", "second")).out)?.[0] ?? "");
  await expect(page.getByRole("button", { name: "Continue from here" })).toBeVisible();
  await expect(answers(page)).not.toContainText("This key has been disabled.");
});

test("an answer of somebody else's key: what came stays, and it says that it is not to be had", async ({ page, openDoor, context, watch }) => {
  watch.allow(/Failed to load resource/);
  const door = await openDoor();
  const own = await another(context, door, watch);
  await page.close();
  await half(own, door);
  await signOut(own);
  const made = /sk-[\w-]+/.exec((await door.tool("key", "create", "somebody")).out)?.[0] ?? "";
  await signIn(own, made);
  await answered(own);
  await expect(answers(own)).toContainText("One,");
  await expect(answers(own)).toContainText("The service does not have this answer any more");
  await expect(own.getByRole("button", { name: "Continue from here" })).toBeVisible();
  await own.reload();
  await expect(answers(own)).toContainText("The service does not have this answer any more");
});
