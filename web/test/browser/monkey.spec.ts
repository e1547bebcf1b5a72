/*
 * Two tabs of one browser in which anything is done at any time: asking, stopping, editing, deleting, reloading, losing the network, a gateway that crashes. Runs
 * only where SEAWALL_MONKEY says how many steps; SEAWALL_MONKEY_SEED repeats one.
 *
 * What always holds: no answer lacks a word or has one twice, the pages complain of nothing, everything under way ends by itself, and then both tabs, and what
 * is there after a reload, are the same.
 */
import type { Page } from "@playwright/test";
import { random } from "../random";
import type { Step } from "./door";
import { expect, test } from "./fixtures";
import { answers, composer, entries, questions, send } from "./person";

const STEPS = Number(process.env.SEAWALL_MONKEY);
const SEED = Number(process.env.SEAWALL_MONKEY_SEED);
const QUICK = { timeout: 700 }; /* what is not there is not waited for */
const LATE_MS = 10_000;
const LAST_STEPS = 20; /* of the log, in an error */
const END_MS = 90_000;
test.setTimeout(STEPS * 3_000 + 3 * END_MS);

/* An answer says `T`, its number, and then numbers from 0 on; a continued one does it again, with another number. Null: it is as it should be, as far as it came. */
function wrongAt(text: string): string | null {
  const [, ...parts] = text.split(/(T\d+:)/);
  const heads = parts.filter((_, at) => at % 2 === 0);
  if (new Set(heads).size < heads.length) return `twice in ${text}`;
  for (const part of parts.filter((_, at) => at % 2 === 1)) {
    const numbers = [...part.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    const wrong = numbers.findIndex((number, at) => number !== at && at < numbers.length - 1); /* the last one may be half there */
    if (wrong >= 0) return `${wrong} of ${part}`;
  }
  return null;
}

/* Of the conversation in view. */
function texts(tab: Page): Promise<string[]> {
  return tab.evaluate(() => [...document.querySelectorAll<HTMLElement>("article.answer .md, .question-text")].map((one) => one.innerText));
}

/* Of every conversation, by its address. */
async function allTexts(tab: Page): Promise<Record<string, string[]>> {
  const links = await entries(tab).locator("a").evaluateAll((all) => all.map((one) => one.getAttribute("href") ?? ""));
  const found: Record<string, string[]> = {};
  for (const link of links) {
    const entry = tab.locator(`li.entry a[href="${link}"]`);
    await entry.click();
    await expect(tab).toHaveURL(new RegExp(`${link}$`));
    await expect(entry).toHaveAttribute("aria-current", "page");
    await tab.waitForTimeout(300); /* a long one is drawn from its end */
    found[link] = [await entry.locator(".entry-title").innerText(), ...(await texts(tab))];
  }
  return found;
}

test(`anything at any time, seed ${SEED}`, async ({ page, door, context, watch }) => {
  watch.allow(/Failed to load resource/, /ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED/);
  const chance = random(SEED);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(chance() * from.length)] as T;
  const other = await context.newPage();
  await watch.follow(other, () => door.url);
  await other.goto(await door.link());
  const tabs = [page, other];
  for (const tab of tabs) await expect(composer(tab)).toBeVisible();
  const log: string[] = [];
  const lost: string[] = [];
  let asked = 0;

  /* What the engine says to the next question. */
  const script = async (): Promise<void> => {
    asked += 1;
    const text = { tokens: { of: [`T${asked}:`, ...Array.from({ length: Math.floor(chance() * 150) }, (_, at) => ` ${at}`)], pause: pick([0, 2, 10]) } };
    const thoughts: Step[] = chance() < 0.3 ? [{ reasoning: "Hm. " }, { pause: 100 }, { reasoning: "So." }] : [];
    const ends: Step[][] = [[...thoughts, text], [...thoughts, text], [{ pause: 300 }, text], [...thoughts, text, { cut: true }], [text, { end: "length" }], [{ refuse: { status: pick([400, 500, 503]) } }]];
    await door.script(...pick(ends));
  };
  const anyOf = async (tab: Page, what: (tab: Page) => ReturnType<typeof entries>): Promise<ReturnType<typeof entries> | null> => {
    const count = await what(tab).count();
    return count === 0 ? null : what(tab).nth(Math.floor(chance() * count));
  };
  const menu = async (tab: Page, item: string): Promise<void> => {
    const entry = tab.locator(".entry-here");
    await entry.hover(QUICK);
    await entry.getByRole("button", { name: /^Options for/ }).click(QUICK);
    await tab.getByRole("menuitem", { name: item }).click(QUICK);
  };
  const open = async (tab: Page): Promise<void> => (await anyOf(tab, entries))?.locator("a").click(QUICK);
  const press = (name: string) => async (tab: Page): Promise<void> => {
    await script();
    await answers(tab).getByRole("button", { name }).last().click(QUICK);
  };
  const actions: Record<string, [weight: number, act: (tab: Page) => Promise<unknown>]> = {
    ask: [6, async (tab) => (await script(), await composer(tab).fill(`Question ${asked}`, QUICK), await send(tab))],
    stop: [2, (tab) => tab.keyboard.press("Escape")],
    retry: [2, press("Try again")],
    continue: [2, press("Continue from here")],
    edit: [2, async (tab) => {
      await script();
      const question = await anyOf(tab, questions);
      await question?.hover(QUICK);
      await question?.getByRole("button", { name: "Edit" }).click(QUICK);
      await tab.getByRole("textbox", { name: "Edit your message" }).fill(`Edited ${asked}`, QUICK);
      await tab.keyboard.press(pick(["Enter", "Enter", "Escape"]));
    }],
    older: [2, (tab) => tab.getByRole("button", { name: "Previous version" }).first().click(QUICK)],
    newer: [1, (tab) => tab.getByRole("button", { name: "Next version" }).last().click(QUICK)],
    new: [2, (tab) => tab.keyboard.press("Control+Shift+O")],
    open: [5, open],
    rename: [1, async (tab) => {
      await menu(tab, "Rename");
      const field = tab.getByRole("textbox", { name: "Name of the conversation" });
      await field.fill(`Renamed ${log.length}`, QUICK);
      await field.press("Enter", QUICK);
    }],
    delete: [2, async (tab) => {
      if ((await entries(tab).count()) < 3) return;
      await open(tab);
      await tab.waitForTimeout(300);
      const before = await texts(tab);
      const { pathname } = new URL(tab.url());
      const entry = tab.locator(`li.entry a[href="${pathname}"]`);
      await menu(tab, "Delete");
      await entry.waitFor({ state: "detached", ...QUICK });
      if (chance() < 0.4) return;
      await tab.getByRole("button", { name: "Undo" }).last().click(QUICK);
      await tab.reload();
      const back = await entry.click({ timeout: LATE_MS }).then(() => true, () => false);
      await tab.waitForTimeout(300);
      const after = back ? await texts(tab) : [];
      if (after.length < before.length) lost.push(`${before.join("\n")}\n\nis after Undo\n\n${after.join("\n")}`);
    }],
    reload: [2, (tab) => tab.reload()],
    back: [1, async (tab) => {
      await tab.goBack();
      if (!tab.url().startsWith("http")) await tab.goForward();
    }],
    type: [1, (tab) => composer(tab).pressSequentially(" draft", QUICK)],
    configure: [1, async (tab) => {
      await tab.getByRole("button", { name: "Settings of this conversation" }).click(QUICK);
      await tab.getByLabel("System prompt").fill(`Be ${asked}`, QUICK);
      await tab.keyboard.press("Escape");
    }],
    search: [1, async (tab) => {
      await tab.keyboard.press("Control+K");
      await tab.keyboard.type("Question");
      await tab.keyboard.press("Escape");
    }],
    key: [1, (tab) => tab.keyboard.press(pick(["Tab", "End", "Home", "PageUp", "/", "?", "Escape"]))],
    offline: [1, async (tab) => {
      await context.setOffline(true);
      await tab.waitForTimeout(chance() * 1_500);
      await context.setOffline(false);
    }],
    crash: [0.3, () => door.crash()],
    wait: [2, (tab) => tab.waitForTimeout(chance() * 600)],
  };
  const weights = Object.values(actions).reduce((sum, [weight]) => sum + weight, 0);

  for (let step = 0; step < STEPS; step++) {
    const tab = pick(tabs);
    let at = chance() * weights;
    const [name, [, act]] = Object.entries(actions).find(([, [weight]]) => (at -= weight) < 0) ?? Object.entries(actions)[0]!;
    const missed = await act(tab).then(() => "", () => " (not there)");
    log.push(`${step}: tab ${tabs.indexOf(tab)}, ${name}${missed}`);
    const last = log.slice(-LAST_STEPS).join("\n");
    for (const one of tabs) for (const text of await texts(one)) expect(wrongAt(text), last).toBeNull();
    expect([...watch.troubles(), ...lost], last).toEqual([]);
  }

  const last = log.slice(-LAST_STEPS).join("\n");
  for (const tab of tabs) {
    await tab.keyboard.press("Escape"); /* of a dialog */
    await expect(tab.locator('.dot-running, article.answer[aria-busy="true"]'), last).toHaveCount(0, { timeout: END_MS });
    await tab.getByRole("searchbox").fill("");
    await expect(tab.locator(".side-day").first()).toBeVisible();
  }
  const seen = await allTexts(page);
  for (const tab of tabs) {
    await tab.reload();
    await expect(entries(tab).first()).toBeVisible();
    expect(await allTexts(tab), last).toEqual(seen);
  }
});
