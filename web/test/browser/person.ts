/* What a person does at the page, in words; and axe-core, which looks at it for those who cannot see it. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, test, type Locator, type Page } from "@playwright/test";

import type { Door } from "./door";

export const composer = (page: Page): Locator => page.locator("#composer");
export const answers = (page: Page): Locator => page.locator("article.answer");
export const questions = (page: Page): Locator => page.locator("article.question");
export const entries = (page: Page): Locator => page.locator("li.entry");

export async function ask(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await send(page);
}

/* By the key where there is a keyboard, else by the button. */
export async function send(page: Page): Promise<void> {
  if (isTouch()) await page.locator(".composer [type=submit]").click();
  else await composer(page).press("Enter");
}

export const isTouch = (): boolean => test.info().project.use.hasTouch === true;

/* Until the last answer is over. */
export async function answered(page: Page, timeout = 15_000): Promise<void> {
  await expect(answers(page).last()).toHaveAttribute("aria-busy", "false", { timeout });
}

export async function showList(page: Page): Promise<void> {
  if (await page.locator("nav.side").evaluate((side) => side.hasAttribute("inert"))) await page.locator(".head-side").click();
  await expect(page.locator("nav.side")).toBeInViewport();
}

export async function hideList(page: Page): Promise<void> {
  if (await page.locator("nav.side").evaluate((side) => !side.hasAttribute("inert"))) await page.locator("nav.side .side-head .icon-button").click();
}

/* Files as they come from elsewhere: by "drop" or by "paste". */
export async function bringFiles(page: Page, how: "drop" | "paste", files: Record<string, string | number[]>): Promise<void> {
  await composer(page).evaluate(
    (field, [event, contents]) => {
      const data = new DataTransfer();
      for (const [name, content] of contents) data.items.add(new File([typeof content === "string" ? content : new Uint8Array(content)], name));
      if (event === "paste") return field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
      field.dispatchEvent(new DragEvent("dragover", { dataTransfer: data, bubbles: true, cancelable: true }));
      return field.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    [how, Object.entries(files)] as const,
  );
}

export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/* Of the only key that this door has. */
export async function keyId(door: Door): Promise<string> {
  return /key_[A-Za-z0-9]+/.exec((await door.tool("key", "list")).out)?.[0] ?? "";
}

export async function signOut(page: Page): Promise<void> {
  await showList(page);
  await page.getByRole("button", { name: "Settings and more" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("button", { name: /keep the conversations/i }).click();
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Finding {
  impact: string | null;
  id: string;
  nodes: { html: string }[];
}

/* The page's policy lets no script in; the browser's own debugger may. */
export async function expectNoBarriers(page: Page): Promise<void> {
  const debug = await page.context().newCDPSession(page);
  await debug.send("Runtime.evaluate", { expression: AXE });
  const { result } = await debug.send("Runtime.evaluate", { expression: "axe.run().then((run) => JSON.stringify(run.violations))", awaitPromise: true });
  await debug.detach();
  const found = (JSON.parse(String(result.value)) as Finding[]).filter(({ impact }) => impact === "serious" || impact === "critical");
  expect(found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
}

/* Nothing fades in or moves any more; what goes on for ever may. */
async function expectStill(page: Page): Promise<void> {
  await page.evaluate(() => {
    const passing = document.getAnimations().filter(({ effect }) => effect?.getComputedTiming().iterations !== Infinity);
    return Promise.allSettled(passing.map(({ finished }) => finished)).then(() => undefined);
  });
}

/* A state that was arrived at: no barriers, nothing wider than the page. SEAWALL_PICTURES names a folder that gets a picture of each. */
export async function expectGood(page: Page, name: string): Promise<void> {
  await expectStill(page);
  await expectNoBarriers(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  const folder = process.env.SEAWALL_PICTURES;
  if (folder) await page.screenshot({ path: `${folder}/${name}-${test.info().project.name}.png` });
}
