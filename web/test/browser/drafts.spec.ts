/* What is written and attached, and not sent yet. */
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { answered, ask, bringFiles, composer, expectNoBarriers, questions, send } from "./person";

const draftFiles = (page: Page) => page.locator(".composer .file");

/* Of the database, when the page has written there. */
function stored(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const opening = indexedDB.open("seawall");
        opening.onsuccess = () => {
          const asking = opening.result.transaction("drafts").objectStore("drafts").get("new files");
          asking.onsuccess = () => {
            opening.result.close();
            resolve(Array.isArray(asking.result) ? asking.result.length : 0);
          };
        };
      }),
  );
}

for (const how of ["drop", "paste"] as const) {
  test(`files come by ${how}, go with the question, and others are refused by name`, async ({ page, door }) => {
    await bringFiles(page, how, { "notes.txt": "tide: 6.1 m", "photo.png": [0x89, 0x50, 0, 1] });
    await expect(page.getByText("“photo.png” is not a text file")).toBeVisible();
    await expect(draftFiles(page)).toHaveText(/notes\.txt/);
    await expect(page.locator(".composer-over")).toHaveCount(0);
    await expectNoBarriers(page);
    await ask(page, "How high?");
    await answered(page);
    expect((await door.calls())[0]!.body.messages[0]!.content).toContain("tide: 6.1 m");
    await expect(questions(page)).toContainText("notes.txt");
    await expect(draftFiles(page)).toHaveCount(0);
  });
}

test("text that is pasted stays text", async ({ page }) => {
  await composer(page).evaluate((field) => {
    const data = new DataTransfer();
    data.setData("text/plain", "only words");
    const pasted = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    field.dispatchEvent(pasted);
    if (pasted.defaultPrevented) throw new Error("the page took it away from the field");
  });
  await expect(draftFiles(page)).toHaveCount(0);
});

test("attached files are there after a reload, and go when they are removed or sent", async ({ page, door }) => {
  await bringFiles(page, "drop", { "one.txt": "first", "two.txt": "second" });
  await composer(page).fill("Compare");
  await expect.poll(() => stored(page)).toBe(2);
  await page.goto(door.url + "/chat");
  await expect(draftFiles(page)).toHaveCount(2);
  await expect(composer(page)).toHaveValue("Compare");
  await page.getByRole("button", { name: "Remove “one.txt”" }).click();
  await expect.poll(() => stored(page)).toBe(1);
  await page.goto(door.url + "/chat");
  await expect(draftFiles(page)).toHaveText(/two\.txt/);
  await send(page);
  await answered(page);
  const { content } = (await door.calls())[0]!.body.messages[0]!;
  expect(content).toContain("second");
  expect(content).not.toContain("first");
  await expect.poll(() => stored(page)).toBe(0);
  await page.goto(door.url + "/chat");
  await expect(composer(page)).toBeVisible();
  await expect(draftFiles(page)).toHaveCount(0);
});

test("without room for files in the storage the page says so, and keeps all else", async ({ context, door, watch }) => {
  const page = await context.newPage();
  await watch.follow(page, () => door.url);
  await page.addInitScript(() => {
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (value: unknown, key?: IDBValidKey) {
      if (Array.isArray(value)) throw new DOMException("no room", "QuotaExceededError");
      return key === undefined ? put.call(this, value) : put.call(this, value, key);
    };
  });
  await door.script({ text: "Read." });
  await page.goto(await door.link());
  await bringFiles(page, "drop", { "large.txt": "much" });
  await expect(page.getByText("The browser’s storage has no room for these files")).toBeVisible();
  await ask(page, "Read it");
  await answered(page);
  expect((await door.calls())[0]!.body.messages[0]!.content).toContain("much");
  await expect(page.locator(".notice-warn")).toHaveCount(0);
  await page.reload();
  await expect(questions(page)).toContainText("large.txt");
});
