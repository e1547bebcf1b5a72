/* The page as it comes out of the daemon: all of it is there, and it keeps to its policy. */
import { expect, test } from "./fixtures";

const SCRIPT_BYTES_MAX = 150 * 1024; /* compressed, of the first view */

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
  const sizes: number[] = [];
  visitor.on("response", (answer) => {
    if (answer.url().endsWith(".js") && answer.status() === 200) sizes.push(Number(answer.headers()["content-length"]));
  });
  await visitor.reload();
  await visitor.waitForLoadState("networkidle");
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(SCRIPT_BYTES_MAX);
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
