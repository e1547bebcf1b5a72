/* The embedded model behind the door: nothing here is scripted. */
import { expect, test } from "./fixtures";
import { answered, answers, ask, composer, expectGood, questions } from "./person";

test("the page comes from a door with a real model", async ({ visitor, door }) => {
  await expect(visitor.locator("#app > *").first()).toBeVisible();
  const models = await fetch(door.url + "/v1/models", { headers: { Authorization: `Bearer ${door.key}` } });
  expect(((await models.json()) as { data: { id: string }[] }).data.map((model) => model.id)).toEqual(["smollm2"]);
});

test("an ordinary conversation: asked, stopped, continued, asked again otherwise, and found after a reload", async ({ page }) => {
  const late = 60_000;
  test.setTimeout(4 * late);
  await page.getByRole("button", { name: "Settings of this conversation" }).click();
  await page.getByLabel("Longest answer").fill("24");
  await page.keyboard.press("Escape");
  await ask(page, "What does a sea wall protect?");
  await expect(composer(page)).toBeFocused();
  await expect(composer(page)).toHaveValue("");
  await expect(answers(page).locator(".md")).not.toBeEmpty({ timeout: late });
  await page.keyboard.press("Escape");
  /* A quick engine, or one that takes all processors, may have written all of it before the key: chat.spec.ts stops one that cannot. */
  const stopped = page.getByText("You stopped this answer.");
  await expect(stopped.or(page.getByText("The answer reached its longest length."))).toBeVisible({ timeout: late });
  const wasStopped = await stopped.isVisible();
  const half = (await answers(page).locator(".md").innerText()).trim();
  await expectGood(page, "model-stopped");
  await page.getByRole("button", { name: "Continue from here" }).click();
  await answered(page, late);
  expect(await answers(page).locator(".md").innerText()).toContain(half.slice(0, 20));
  await expect(page.locator(".figures")).toContainText("in all");
  if (wasStopped) await expect(page.locator(".figures")).not.toContainText("token");

  await page.keyboard.press("Control+Shift+E");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Name two harbours.");
  await page.keyboard.press("Enter");
  await answered(page, late);
  await expect(questions(page)).toContainText("2/2");
  await expect(page.locator(".figures")).toContainText(/\d+ tokens/);
  await expectGood(page, "model-answered");
  const text = await answers(page).locator(".md").innerText();
  await page.reload();
  await expect(answers(page).locator(".md")).toHaveText(text, { useInnerText: true });
  await expect(page).toHaveTitle(/^What does a sea wall protect\?/);
});
