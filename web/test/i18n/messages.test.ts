/* The table is whole: both languages say the same things with the same parameters. */
import { expect, test } from "vitest";
import { fill, fromBrowser, showNumber } from "../../src/i18n/language";
import { messages, type Row } from "../../src/i18n/messages";

const rows = Object.entries(messages) as [string, Row][];
const names = (words: string): string[] => [...words.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "").sort();

test.each(rows)("%s says the same in both languages", (_key, row) => {
  const english = typeof row.en === "string" ? [row.en] : [row.en.one, row.en.other];
  for (const words of [...english, row.zh]) {
    expect(words.trim()).not.toBe("");
    expect(names(words)).toEqual(names(row.zh));
  }
});

test("only rows with a count have a plural", () => {
  for (const [key, row] of rows) if (typeof row.en !== "string") expect(names(row.zh), key).toContain("count");
});

test("Chinese rows are Chinese", () => {
  for (const [key, row] of rows) if (key !== "app.comma" && key !== "set.topP") expect(row.zh, key).toMatch(/\p{Script=Han}/u);
});

test("numbers are shown as the language shows them, and one is one", () => {
  const row: Row = { en: { one: "{count} token", other: "{count} tokens" }, zh: "{count} 个" };
  expect(fill(row, "en", { count: 1 })).toBe("1 token");
  expect(fill(row, "en", { count: 12_345 })).toBe("12,345 tokens");
  expect(fill(row, "zh", { count: 0 })).toBe("0 个");
  expect(fill({ en: "a {b}", zh: "{b}" }, "en", {})).toBe("a {b}");
});

test("numbers have groups of three digits, and no more digits after the point than asked for", () => {
  expect([0, 999, 1_000, 1_234_567].map((value) => showNumber(value, 0))).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([0.04, 1.25, 2, 9.99, 1_234.5].map((value) => showNumber(value, 1))).toEqual(["0", "1.3", "2", "10", "1,234.5"]);
  expect(showNumber(-1_234.5678, 3)).toBe("-1,234.568");
});

test("the browser's first language that we have", () => {
  expect(fromBrowser(["fr", "zh-TW", "en"])).toBe("zh");
  expect(fromBrowser(["EN-gb"])).toBe("en");
  expect(fromBrowser([])).toBe("en");
});
