/* What models write, on any width: long words, wide tables, code, other scripts; and what can be taken out of it. */
import type { Locator } from "@playwright/test";
import { expect, test } from "./fixtures";
import { answered, answers, ask, expectGood, questions } from "./person";

const WIDE = [
  "| harbour | spring high | neap high | spring low | neap low | mean range | height of the wall |",
  "|---|---|---|---|---|---|---|",
  "| Saint-Malo, the outer basin | 12.2 m | 9.3 m | 1.1 m | 4.2 m | 8.0 m | 14.5 m |",
].join("\n");
const CODE = ["```py", `height = ${Array.from({ length: 30 }, (_, at) => `tide_${at}`).join(" + ")}`, "```"].join("\n");
const WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(4);
const ADDRESS = `https://example.org/${"tide/".repeat(60)}`;

test("nothing that is wide widens the page: tables and code scroll by themselves @looks", async ({ page, door }) => {
  await door.script({ text: `${WORD}\n\n${ADDRESS}\n\n\`${WORD}\`\n\n${WIDE}\n\n${CODE}\n\n> ${WORD}\n\n1. ${WORD}` });
  await ask(page, WORD);
  await answered(page);
  for (const [wide, phoneOnly] of [[".md-table-scroll", true], [".md-pre", false]] as const) {
    const box = answers(page).locator(wide);
    await expect(box).toBeVisible();
    const { hidden, reachable } = await box.evaluate((element) => ({ hidden: element.scrollWidth > element.clientWidth, reachable: element.tabIndex >= 0 }));
    if (!phoneOnly || page.viewportSize()!.width < 500) expect(hidden).toBe(true);
    expect(reachable || !hidden).toBe(true);
  }
  await expectGood(page, "wide");
});

const RIGHT = [
  "الجدار البحري يحمي المدينة من الموج.",
  "- قطعة من الغرانيت\n- `ls` ثم حجر\n- Saint-Malo (حجر)\n  - one, in English\n  - two\n- [x] تم",
  "1. אחת\n2. שתיים\n\n   ```py\n   x = 1\n   ```",
  "A line in English.",
  "- granite\n- خرسانة",
  "> אמר החכם: הים גדול.",
  "| ארץ | ים | 3 m |\n|---|---|---|\n| חומה | wave | 12 |",
  "| harbour | ميناء |\n|---|---|\n| Saint-Malo | سان مالو |",
].join("\n\n");

/* Where a part of the page stands inside what holds it: the free space before and behind it, in pixels. */
function room(part: Locator): Promise<{ left: number; right: number }> {
  return part.evaluate((element) => {
    const text = document.createRange();
    text.selectNodeContents(element);
    const [inner, outer] = [text.getBoundingClientRect(), element.parentElement!.getBoundingClientRect()];
    return { left: Math.round(inner.left - outer.left), right: Math.round(outer.right - inner.right) };
  });
}

test("Arabic and Hebrew run from the right, with their markers, lines and columns, and code does not @looks", async ({ page, door }) => {
  await door.script({ text: RIGHT });
  await ask(page, "كيف يعمل الجدار البحري؟");
  await answered(page);
  const answer = answers(page);
  const direction = (part: Locator): Promise<string> => part.first().evaluate((element) => getComputedStyle(element).direction);
  for (const text of ["كيف يعمل", "الجدار البحري يحمي", "חומה"]) expect(await direction(page.getByText(text)), text).toBe("rtl");
  expect(await direction(page.getByText("A line in English."))).toBe("ltr");
  expect(await direction(answer.locator(".md-pre"))).toBe("ltr");

  /* A marker stands before its item, in the padding of the list. */
  const marked = (item: string): Promise<string[]> =>
    answer.locator(".md-item", { hasText: item }).last().evaluate((element) => {
      const list = getComputedStyle(element.parentElement!);
      return [list.paddingLeft, list.paddingRight].map((width, at) => (parseFloat(width) > 0 ? ["left", "right"][at]! : "")).filter(Boolean);
    });
  for (const item of ["قطعة من", "Saint-Malo (", "שתיים"]) expect(await marked(item), item).toEqual(["right"]);
  for (const item of ["one, in English", "granite", "خرسانة"]) expect(await marked(item), item).toEqual(["left"]);
  const atMarker = (text: string): Promise<{ left: number; right: number }> => room(answer.locator(".md-item > .md-p", { hasText: text }).first());
  expect(await atMarker("Saint-Malo (")).toMatchObject({ right: 0 });
  expect(await atMarker("خرسانة")).toMatchObject({ left: 0 });
  const [box, done] = [answer.locator(".md-box"), answer.locator(".md-task-text")];
  expect((await box.boundingBox())!.x).toBeGreaterThan((await room(done)).left + (await done.boundingBox())!.x - 1);

  const quote = await answer.locator(".md-quote").evaluate((element) => [getComputedStyle(element).borderLeftWidth, getComputedStyle(element).borderRightWidth]);
  expect(quote).toEqual(["0px", "3px"]);
  const x = async (cell: string): Promise<number> => (await answer.getByRole("cell", { name: cell, exact: true }).boundingBox())!.x;
  expect(await x("חומה")).toBeGreaterThan(await x("wave"));
  expect(await x("wave")).toBeGreaterThan(await x("12"));
  expect(await x("Saint-Malo")).toBeLessThan(await x("سان مالو"));
  const aligned = (cell: string): Promise<string> => answer.getByRole("cell", { name: cell, exact: true }).evaluate((element) => getComputedStyle(element).textAlign);
  for (const cell of ["חומה", "wave", "12"]) expect(await aligned(cell), cell).toMatch(/right/);
  for (const cell of ["Saint-Malo", "سان مالو"]) expect(await aligned(cell), cell).toMatch(/left/);
  await expectGood(page, "right-to-left");
});

test("a question, an answer and a block of code are copied as they are", async ({ page, context, door }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = (): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
  await door.script({ text: "It **holds**:\n\n```py\nx = 1\n```\n" });
  await ask(page, "Does it\nhold?");
  await answered(page);
  await answers(page).getByRole("button", { name: "Copy", exact: true }).first().click();
  await expect.poll(copied).toBe("x = 1");
  await answers(page).locator(".below").getByRole("button", { name: /^Copy/ }).click();
  await expect.poll(copied).toBe("It **holds**:\n\n```py\nx = 1\n```\n");
  await questions(page).hover();
  await questions(page).getByRole("button", { name: /^Copy/ }).click();
  await expect.poll(copied).toBe("Does it\nhold?");
});

test("a title comes from the first line that says something, and a long one is cut at a word", async ({ page }) => {
  await ask(page, `\n\n# Why ${"does the sea come and go ".repeat(5)}`);
  await answered(page);
  await expect(page).toHaveTitle(/^Why does the sea come and go .*… · /);
});

test("the page can be installed: its manifest names icons that are there", async ({ visitor, door }) => {
  const manifest = (await (await fetch(door.url + "/manifest.webmanifest")).json()) as { name: string; start_url: string; display: string; icons: { src: string; sizes: string; purpose?: string }[] };
  expect(manifest).toMatchObject({ display: "standalone" });
  expect(new URL(manifest.start_url, door.url).pathname).toMatch(/^\/(chat)?$/);
  expect(manifest.icons.map(({ sizes }) => sizes)).toEqual(expect.arrayContaining(["192x192", "512x512"]));
  for (const { src } of manifest.icons) {
    const picture = await fetch(new URL(src, door.url));
    expect([picture.status, picture.headers.get("content-type")]).toEqual([200, expect.stringMatching(/^image\//)]);
  }
  await expect.poll(() => visitor.evaluate(async () => (await navigator.serviceWorker.ready).active?.scriptURL)).toBe(`${door.url}/sw.js`);
});
