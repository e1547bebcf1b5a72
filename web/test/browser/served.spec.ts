/* The page as it comes out of the daemon: all of it is there, and it keeps to its policy. */
import { expect, test } from "./fixtures";
import { answered, answers, ask, composer, send } from "./person";

/* Compressed. What grows beyond this is for a piece that comes after the first view (src/chat/pieces.ts). */
const FIRST_SCRIPT_BYTES_MAX = 36 * 1024;
const SCRIPT_BYTES_MAX = 150 * 1024; /* with all that is loaded by itself */

test("the page loads whole, from this origin alone", async ({ visitor, door }) => {
  const answers: { url: string; status: number; fromServiceWorker: boolean }[] = [];
  visitor.on("response", (answer) =>
    answers.push({ url: answer.url(), status: answer.status(), fromServiceWorker: answer.fromServiceWorker() }),
  );
  await visitor.reload();
  await expect(visitor.locator("#app > *").first()).toBeVisible();
  await visitor.waitForLoadState("networkidle");
  expect(answers.some((answer) => answer.url.includes("/assets/"))).toBe(true);
  for (const answer of answers) {
    expect(new URL(answer.url).origin, answer.url).toBe(door.url);
    expect([200, 304], answer.url).toContain(answer.status);
  }
});

test("the scripts of the first view are within their budget", async ({ visitor }) => {
  const sizes = new Map<string, number>();
  visitor.on("response", (answer) => {
    if (answer.url().endsWith(".js") && answer.status() === 200) sizes.set(answer.url(), Number(answer.headers()["content-length"]));
  });
  await visitor.reload();
  await visitor.waitForLoadState("networkidle");
  const first = await visitor.evaluate(() => [...document.scripts].map((script) => script.src));
  expect(first).toHaveLength(1);
  expect(sizes.get(first[0]!)).toBeGreaterThan(0);
  expect(sizes.get(first[0]!)).toBeLessThanOrEqual(FIRST_SCRIPT_BYTES_MAX);
  expect([...sizes.values()].reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(SCRIPT_BYTES_MAX);
});

test.describe("a page whose files are kept nowhere yet", () => {
  test.use({ serviceWorkers: "block" });

  /* As after an upgrade of the service behind an open page. */
  test("a piece that the service no longer has is said to be missing, nothing typed is lost, and loading again helps", async ({ page, watch }) => {
    watch.allow(/Failed to load resource/);
    const gone = /\/assets\/(talk|extras)-[^/]+\.js$/;
    await expect(composer(page)).toBeVisible();
    await page.context().route(gone, (route) => route.fulfill({ status: 404 }));
    await page.reload();
    await ask(page, "Not yet");
    await expect(page.getByText("A part of this page could not be loaded.")).toBeVisible();
    await expect(composer(page)).toHaveValue("Not yet");
    const asked = page.waitForResponse(/extras/);
    await page.getByRole("button", { name: "Settings of this conversation" }).click();
    await asked;
    await expect(page.getByRole("dialog")).toHaveCount(0);
    await page.context().unroute(gone);
    await page.getByRole("button", { name: "Load again" }).click();
    await expect(composer(page)).toHaveValue("Not yet");
    await send(page);
    await answered(page);
    await expect(answers(page)).toContainText("Hello");
    await page.getByRole("button", { name: "Settings of this conversation" }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
  });

  test("a question asked before the rest of the page has come is sent when it has", async ({ page }) => {
    const talk = /\/assets\/talk-[^/]+\.js$/;
    let come: () => void = () => undefined;
    const wait = new Promise<void>((resolve) => (come = resolve));
    await expect(composer(page)).toBeVisible();
    await page.context().route(talk, (route) => wait.then(() => route.continue()));
    await page.reload();
    await ask(page, "Early");
    await expect(composer(page)).toHaveValue("");
    await expect(answers(page)).toHaveCount(0);
    await page.waitForTimeout(1_000); /* longer than a draft that was typed waits to be written */
    await page.reload();
    await expect(composer(page)).toHaveValue("Early"); /* it was not sent, so it is not lost */
    await send(page);
    await expect(composer(page)).toHaveValue("");
    await composer(page).pressSequentially("And more");
    come();
    await answered(page);
    await expect(answers(page)).toContainText("Hello");
    await expect(composer(page)).toHaveValue("And more");
    await page.reload();
    await expect(composer(page)).toHaveValue("And more"); /* of this conversation, and of no new one */
    await page.getByRole("button", { name: "New chat" }).first().click();
    await page.waitForTimeout(500); /* in which a draft would be found */
    await expect(composer(page)).toHaveValue("");
  });
});

test("an address inside the chat can be reloaded", async ({ visitor, door }) => {
  await visitor.goto(door.url + "/chat/none-such");
  await expect(visitor.locator("#app > *").first()).toBeVisible();
});

test("an injected script does not run", async ({ visitor, watch }) => {
  watch.allow(/policy: script-src/, /Content Security Policy/);
  const ran = await visitor.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
    return "injected" in window;
  });
  expect(ran).toBe(false);
  await expect.poll(() => watch.seen).toContainEqual(expect.stringMatching(/^policy: script-src/));
});

test("no page of another origin may frame it", async ({ visitor, door }) => {
  const answer = await visitor.request.get(door.url + "/");
  expect(answer.headers()["content-security-policy"]).toContain("frame-ancestors 'none'");
});
