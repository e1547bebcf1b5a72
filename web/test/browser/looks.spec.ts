/* How the main states look, to eyes and to axe-core: no serious barriers, nothing wider than the page. Runs in Chinese and in the dark too. */
import { expect, test } from "./fixtures";
import { answered, ask, answers, composer, expectGood, showList } from "./person";

test("sign-in @looks", async ({ visitor }) => {
  await expect(visitor.locator(".key-field input")).toBeVisible();
  await expectGood(visitor, "sign-in");
});

test("empty, and with the list @looks", async ({ page }) => {
  await expect(page.locator(".hello")).toBeVisible();
  await expectGood(page, "empty");
  await showList(page);
  await expectGood(page, "list");
});

test("an answer with code, a table and maths @looks", async ({ page, door }) => {
  await door.script({ reasoning: "Hm." }, { text: "```py\nx = 1\n```\n\n| a | b |\n|--|--|\n| 1 | 2 |\n\n$$E = \\frac{1}{8}\\rho g H^2$$\n" }, { hold: "open" }, { text: "Done." });
  await ask(page, "Show all");
  await expect(answers(page).locator("table")).toBeVisible();
  await expectGood(page, "answer-under-way");
  await door.release("open");
  await answered(page);
  await expect(answers(page).locator("math")).toBeVisible();
  await expectGood(page, "answer");
});

test("refused, and the dialogs @looks", async ({ page, door, watch }) => {
  watch.allow(/Failed to load resource/);
  await door.script({ refuse: { status: 400, message: "no" } });
  await ask(page, "Go");
  await answered(page);
  await expectGood(page, "refused");
  await page.locator(".head .icon-button:not(.head-side):not(.head-new)").click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await expectGood(page, "settings");
  await page.keyboard.press("Escape");
  await page.locator(".thread").focus();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await expectGood(page, "shortcuts");
});

test("on paper stands the whole conversation, and nothing to press @looks", async ({ page, door }) => {
  await door.script({ text: `${"A line of the answer.\n\n".repeat(60)}The end.` });
  await ask(page, "At length");
  await answered(page);
  await page.emulateMedia({ media: "print" });
  await expect(composer(page)).toBeHidden();
  await expect(page.locator("nav.side")).toBeHidden();
  const paper = await page.evaluate(() => ({
    whole: document.documentElement.scrollHeight > 2 * innerHeight,
    cut: [...document.querySelectorAll("*")].filter((one) => one.scrollHeight > one.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(one).overflowY)).length,
    ink: getComputedStyle(document.querySelector(".md") as Element).color,
  }));
  expect(paper).toEqual({ whole: true, cut: 0, ink: "rgb(23, 33, 31)" });
});
