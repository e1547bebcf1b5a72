/* Model output that wants to harm, and browsers that keep nothing. The watch of fixtures.ts fails a test for any call elsewhere and any breach of the policy. */
import { expect, test } from "./fixtures";
import { answered, answers, ask, entries } from "./person";

const HOSTILE = [
  "<script>window.harmed = 1</script> <img src=x onerror='window.harmed = 1'> <iframe src='https://elsewhere.example/'></iframe>",
  "[press](javascript:window.harmed=1) ![pixel](https://elsewhere.example/p.png) \u001b[31mred\u001b[0m",
  "$$\\frac{1}{$$ and $\\href{javascript:window.harmed=1}{x}$ and $x^2$",
  "```html\n<script>window.harmed = 1</script>",
].join("\n\n");

test("hostile output is text, its pictures are links, and it calls nobody", async ({ page, door }) => {
  await door.script({ text: HOSTILE });
  await ask(page, "Harm me");
  await answered(page);
  const answer = answers(page).last();
  await expect(answer).toContainText("window.harmed = 1");
  await expect(answer.locator("math").first()).toBeVisible();
  await expect(answer.locator("script, iframe, img, [onerror], a[href^='javascript:' i], [href^='data:' i]")).toHaveCount(0);
  await expect(answer.locator('a[href="https://elsewhere.example/p.png"]')).toBeVisible();
  expect(await page.evaluate(() => "harmed" in window)).toBe(false);
});

test("one line of a megabyte leaves the page usable", async ({ page, door }) => {
  await door.script({ tokens: { of: ["x".repeat(16_384)], times: 64 } }, { text: " the end" });
  await ask(page, "Go");
  await answered(page);
  await expect(answers(page).last()).toContainText("the end");
  await door.script({ text: "Still here." });
  await ask(page, "And now?");
  await expect(answers(page).last()).toContainText("Still here.");
});

test("bytes that are no text do not take away what came before", async ({ page, door }) => {
  await door.script({ text: "Before. " }, { raw: 'data: {"choices":[{"index":0,"delta":{"content":"bad \xff\xfe"}}]}\n\n' });
  await ask(page, "Go");
  await answered(page);
  await expect(answers(page).last()).toContainText("Before.");
});

test("without storage the page says so and works", async ({ context, door, watch }) => {
  const page = await context.newPage();
  await watch.follow(page, () => door.url);
  await page.addInitScript(() => Object.defineProperty(window, "indexedDB", { value: undefined }));
  await door.script({ text: "Hello" });
  await page.goto(await door.link());
  await ask(page, "Go");
  await expect(answers(page)).toContainText("Hello");
  await expect(page.locator(".notice-warn")).toContainText("browser");
});

test("with the disk full the page says so and goes on", async ({ context, door, watch }) => {
  const page = await context.newPage();
  await watch.follow(page, () => door.url);
  await page.addInitScript(() => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("no room", "QuotaExceededError");
    };
  });
  await door.script({ text: "Hello" });
  await page.goto(await door.link());
  await ask(page, "Go");
  await expect(answers(page)).toContainText("Hello");
  await expect(page.locator(".notice-warn")).toContainText("full");
});

test("a turn whose first token is to come is told in words", async ({ page, door }) => {
  await door.script({ hold: "reading" }, { text: "Read." });
  await ask(page, "Go");
  await expect(page.locator(".wait")).toContainText("It is your turn. The model is reading…");
  await door.release("reading");
  await expect(answers(page)).toContainText("Read.");
});

test("another tab shows what was asked in this one", async ({ page, context, door, watch }) => {
  const other = await context.newPage();
  await watch.follow(other, () => door.url);
  await other.goto(await door.link());
  await expect(entries(other)).toHaveCount(0);
  await ask(page, "Which tab?");
  await answered(page);
  await expect(entries(other)).toHaveCount(1);
});

test("one that waits is told its place and how long, and then goes on by itself", async ({ openDoor, context, watch }) => {
  const door = await openDoor({ pool: { calls: 1 } });
  await door.script({ hold: "first" }, { text: "At last." });
  const pages = [await context.newPage(), await context.newPage()];
  for (const page of pages) {
    await watch.follow(page, () => door.url);
    await page.goto(await door.link());
    await ask(page, "Go");
    await expect(answers(page)).toHaveCount(1);
    await expect.poll(async () => (await door.calls()).length).toBe(1);
  }
  await expect(pages[1]!.locator(".wait")).toContainText(/\d/);
  await door.release("first");
  for (const page of pages) await expect(answers(page)).toContainText("At last.");
});
