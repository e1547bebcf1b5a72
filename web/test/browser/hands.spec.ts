/* Without a mouse, and with a phone's keyboard over the page. */
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { answered, answers, ask, composer, entries, isTouch, questions, showList } from "./person";

const TABS_MAX = 60;

/* Tab, as often as it takes, to what has this name; what has the focus is always to be seen. */
async function tabTo(page: Page, name: RegExp, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  for (let at = 0; at < TABS_MAX; at += 1) {
    await page.keyboard.press(key);
    const focused = page.locator(":focus");
    if ((await focused.count()) === 0) continue;
    await expect(focused).toBeInViewport();
    /* What had the focus may have gone meanwhile, as the button that stops an answer. */
    const said = await page.evaluate(() => {
      const element = document.querySelector(":focus");
      return element?.getAttribute("aria-label") ?? element?.textContent ?? "";
    });
    if (name.test(said)) return;
  }
  throw new Error(`no Tab leads to ${String(name)}`);
}

test("a whole conversation without a mouse", async ({ page, door }, { project }) => {
  const send = isTouch() ? "Control+Enter" : "Enter";
  await expect(composer(page)).toBeVisible();
  if (project.name === "phone") await page.keyboard.press("/"); /* the page of a phone opens no keyboard by itself */
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type("First question");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("in two lines");
  await page.keyboard.press(send);
  await answered(page);
  expect((await door.calls())[0]!.body.messages[0]!.content).toBe("First question\nin two lines");
  await expect(composer(page)).toBeFocused();

  await door.script({ text: "Half" }, { hold: "never" });
  await page.keyboard.type("Second");
  await page.keyboard.press(send);
  await expect(answers(page).last()).toContainText("Half");
  await page.keyboard.press("Escape");
  await expect(page.getByText("You stopped this answer.")).toBeVisible();
  await door.script({ text: " and whole." });
  await tabTo(page, /^Continue from here$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(answers(page).last()).toContainText("Half and whole.");
  await answered(page);
  if (project.name === "desktop") await expect(composer(page)).toBeFocused();

  await door.script({ text: "Another." });
  await page.keyboard.press("/");
  await tabTo(page, /^Try again$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(answers(page).last()).toContainText("Another.");
  await page.keyboard.press("/");
  await tabTo(page, /^Previous version$/, "Shift+Tab");
  await page.keyboard.press("Enter");
  await expect(answers(page).last()).toContainText("Half and whole.");

  await page.keyboard.press("Control+Shift+E");
  await page.keyboard.type(", edited");
  await page.keyboard.press(send);
  await expect(questions(page).last()).toContainText("Second, edited");
  await answered(page);
  if (project.name === "desktop") await expect(composer(page)).toBeFocused();

  await page.keyboard.press("Control+K");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type("two lines");
  await expect(page.locator(".entry-excerpt")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.locator(".entry-excerpt")).toHaveCount(0);
  await tabTo(page, /^Options for/);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("textbox", { name: "Name of the conversation" })).toBeFocused();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("By hand");
  await page.keyboard.press("Enter");
  await expect(entries(page)).toContainText("By hand");
  await page.keyboard.press("Control+Shift+O");
  await expect(answers(page)).toHaveCount(0);
  await expect(composer(page)).toBeFocused();
});

test("Enter sends where there is a keyboard, and begins a line under a finger", async ({ page, door }) => {
  const calls = (): Promise<string[]> => door.calls().then((all) => all.map(({ body }) => body.messages.at(-1)!.content));
  const end = isTouch() ? "\nand more" : "and more";
  await composer(page).fill("One");
  await composer(page).press("Enter");
  await composer(page).pressSequentially("and more");
  await expect(composer(page)).toHaveValue(isTouch() ? `One${end}` : end);
  if (isTouch()) {
    expect(await calls()).toEqual([]);
    await page.getByRole("button", { name: "Send" }).click();
  }
  await answered(page);
  expect(await calls()).toEqual([isTouch() ? `One${end}` : "One"]);
  await questions(page).hover();
  await questions(page).getByRole("button", { name: "Edit" }).click();
  const field = page.getByRole("textbox", { name: "Edit your message" });
  for (const key of ["Enter", "Escape"]) await field.dispatchEvent("keydown", { key, keyCode: 229 }); /* an input method's, as Safari tells them */
  await expect(field).toBeVisible();
  await field.press("Enter");
  if (isTouch()) await expect(field).toHaveValue(`One${end}\n`);
  else await expect(field).toHaveCount(0);
});

test("a keyboard that lies over the page does not cover the field, and the end of the answer stays in view", async ({ page, door }) => {
  await door.script({ tokens: { of: Array.from({ length: 60 }, (_, at) => `Line ${at}.\n\n`) } }, { text: "The end." });
  await ask(page, "Long");
  await answered(page);
  await expect(answers(page).getByText("The end.")).toBeInViewport();
  const whole = await page.evaluate(() => innerHeight);
  /* As iOS does it: the page keeps its height, and only the visual viewport is smaller. */
  const lie = (height: number): Promise<void> =>
    page.evaluate((px) => {
      Object.defineProperty(visualViewport, "height", { configurable: true, value: px });
      visualViewport!.dispatchEvent(new Event("resize"));
    }, height);
  await lie(whole - 320);
  await expect.poll(async () => (await composer(page).boundingBox())!.y + (await composer(page).boundingBox())!.height).toBeLessThanOrEqual(whole - 320);
  const end = (await answers(page).getByText("The end.").boundingBox())!;
  expect(end.y + end.height).toBeLessThanOrEqual((await composer(page).boundingBox())!.y);
  await lie(whole);
  await expect.poll(async () => (await composer(page).boundingBox())!.y).toBeGreaterThan(whole - 320);
});

test("after choosing a conversation or beginning one, what is typed goes into the field", async ({ page }, { project }) => {
  test.skip(project.name.startsWith("phone"), "a phone would open its keyboard over what is to be read");
  await ask(page, "One");
  await answered(page);
  await showList(page);
  await page.getByRole("button", { name: "New chat" }).first().click();
  await expect(composer(page)).toBeFocused();
  await entries(page).getByRole("link", { name: "One" }).click();
  await expect(answers(page)).toHaveCount(1);
  await expect(composer(page)).toBeFocused();
});
