/* What models write, on any width: long words, wide tables, code, other scripts; and what can be taken out of it. */
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

test("Arabic and Hebrew run from the right, in questions, answers, lists and tables, and code does not @looks", async ({ page, door }) => {
  await door.script({ text: "الجدار البحري يحمي المدينة من الموج.\n\nA line in English.\n\n- قطعة من الغرانيت\n\n| ארץ | ים |\n|---|---|\n| חומה | גל |\n\n```py\nx = 1\n```\n" });
  await ask(page, "كيف يعمل الجدار البحري؟");
  await answered(page);
  const direction = (text: string): Promise<string> =>
    page
      .getByText(text)
      .first()
      .evaluate((element) => getComputedStyle(element).direction);
  for (const text of ["كيف يعمل", "الجدار البحري يحمي", "قطعة من", "חומה"]) expect(await direction(text)).toBe("rtl");
  expect(await direction("A line in English.")).toBe("ltr");
  expect(await answers(page).locator(".md-pre").evaluate((element) => getComputedStyle(element).direction)).toBe("ltr");
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
