/* The conversations of this browser: kept, found, renamed, deleted, taken out and brought in. */
import { readFileSync } from "node:fs";
import { expect, test } from "./fixtures";
import { answered, answers, ask, composer, entries, hideList, isTouch, showList } from "./person";

test("conversations are kept over a reload, and another one leaves an answer running", async ({ page, door }) => {
  await door.script({ text: "Slow " }, { hold: "slow" }, { text: "and steady." });
  await ask(page, "Tortoise");
  await expect(answers(page)).toContainText("Slow");
  await page.keyboard.press("Control+Shift+O");
  await expect(answers(page)).toHaveCount(0);
  await showList(page);
  await expect(page.getByRole("img", { name: "An answer is under way" })).toBeVisible();
  await door.release("slow");
  await expect(page.getByRole("img", { name: "New answer" })).toBeVisible();
  await entries(page).getByRole("link", { name: "Tortoise" }).click();
  await expect(answers(page)).toContainText("Slow and steady.");
  await page.reload();
  await expect(answers(page)).toContainText("Slow and steady.");
});

test("rename, search, delete and undo", async ({ page, door }) => {
  await door.script({ text: "granite blocks" });
  await ask(page, "What is it made of?");
  await answered(page);
  await showList(page);
  await entries(page).hover();
  await page.getByRole("button", { name: /^Options for/ }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Name of the conversation" }).fill("Stones");
  await page.keyboard.press("Enter");
  await expect(entries(page)).toContainText("Stones");
  await page.getByRole("searchbox").fill("granite");
  await expect(page.locator(".entry-excerpt")).toContainText("granite");
  await page.getByRole("searchbox").fill("nothing like it");
  await expect(page.getByText("Nothing found for")).toBeVisible();
  await page.getByRole("searchbox").press("Escape");
  await entries(page).hover();
  await page.getByRole("button", { name: /^Options for/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expect(entries(page)).toHaveCount(0);
  await page.getByRole("button", { name: "Undo" }).click();
  await expect(entries(page)).toContainText("Stones");
  await page.reload();
  await showList(page);
  await entries(page).getByRole("link", { name: "Stones" }).click();
  await expect(answers(page)).toContainText("granite blocks");
});

test("what can be undone stays to be seen while somebody is at it", async ({ page }) => {
  await ask(page, "To go");
  await answered(page);
  await showList(page);
  await page.clock.install();
  await entries(page).hover();
  await page.getByRole("button", { name: /^Options for/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  const undo = page.getByRole("button", { name: "Undo" });
  if (!isTouch()) await expect(composer(page)).toBeFocused(); /* of the new chat, which comes in a moment */
  await undo.focus();
  await page.clock.runFor(60_000);
  await expect(undo).toBeFocused();
  await undo.blur();
  await page.clock.runFor(4_000);
  await expect(undo).toBeVisible();
  await page.clock.runFor(8_000);
  await expect(undo).toHaveCount(0);
});

test("what is deleted in one tab is gone in the other, with the answer under way there", async ({ page, door, context, watch }) => {
  const other = await context.newPage();
  await watch.follow(other, () => door.url);
  await other.goto(await door.link());
  await door.script({ text: "Half" }, { hold: "never" });
  await ask(other, "Count");
  await expect(answers(other)).toContainText("Half");
  await showList(page);
  await entries(page).hover();
  await page.getByRole("button", { name: /^Options for/ }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expect(entries(page)).toHaveCount(0);
  await expect(answers(other)).toHaveCount(0);
  await expect(other).toHaveURL(door.url + "/chat");
  await expect.poll(async () => (await door.calls())[0]?.hungUp).toBe(true);
  await other.reload();
  await expect(composer(other)).toBeVisible();
  await showList(other);
  await expect(other.getByText("Your conversations will be listed here.")).toBeVisible();
  const left = await other.evaluate(
    () =>
      new Promise((resolve) => {
        const opening = indexedDB.open("seawall");
        opening.onsuccess = () => {
          const count = opening.result.transaction("messages").objectStore("messages").count();
          count.onsuccess = () => (opening.result.close(), resolve(count.result));
        };
      }),
  );
  expect(left).toBe(0);
});

test("out as JSON and Markdown, and in again", async ({ page, door }) => {
  await door.script({ text: "It holds." });
  await ask(page, "Does it?");
  await answered(page);
  await showList(page);
  for (const [item, ending] of [["Export as JSON", "json"], ["Export as Markdown", "md"]] as const) {
    await entries(page).first().hover();
    await page.getByRole("button", { name: /^Options for/ }).first().click();
    const downloading = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: item }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe(`Does it.${ending}`);
    const path = await download.path();
    expect(readFileSync(path, "utf8")).toContain("It holds.");
    await page.locator('nav input[type="file"]').setInputFiles({ name: `back.${ending}`, mimeType: "text/plain", buffer: readFileSync(path) });
  }
  await expect(entries(page)).toHaveCount(3);
  await page.locator('nav input[type="file"]').setInputFiles({ name: "bad.json", mimeType: "text/plain", buffer: Buffer.from("{") });
  await expect(page.getByText("“bad.json” could not be imported")).toBeVisible();
});

test("shortcuts are listed and work; language and appearance can be chosen", async ({ page, door }) => {
  await door.script({ text: "Yes." });
  await ask(page, "Ready?");
  await answered(page);
  await page.locator(".thread").focus();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await expect(composer(page)).toBeFocused();
  await page.keyboard.press("Control+Shift+E");
  await expect(page.getByRole("textbox", { name: "Edit your message" })).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+K");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.getByRole("button", { name: "Settings and more" }).click();
  await page.getByRole("menuitemradio", { name: "中文" }).click();
  await expect(page.getByRole("button", { name: "设置与更多" })).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("lang", "zh-CN");
  await page.getByRole("button", { name: "设置与更多" }).click();
  await page.getByRole("menuitemradio", { name: "深色" }).click();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await hideList(page);
});
