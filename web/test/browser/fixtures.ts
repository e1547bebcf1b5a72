/*
 * What every test in a browser is given:
 *
 *     door      the daemon and its scripted engine, one for all tests of a worker; says "Hello" unless told
 *     openDoor  another one, with settings of its own, for this test alone
 *     busy      another one too, and a page at it, signed in: for a service under load
 *     page      the chat at `door`, signed in by a link; `visitor` is the same and not signed in
 *     watch     notes what a page must never do, and fails the test for it; watch.allow(/words/) lets one through
 *
 * A page must write no error to its console, break no rule of its policy, throw nothing, and ask no other origin.
 */
import { expect, test as base, type Page } from "@playwright/test";

import { Door, type Settings } from "./door";

class Watch {
  readonly seen: string[] = [];
  private readonly allowed: RegExp[] = [];

  allow(...patterns: RegExp[]): void {
    this.allowed.push(...patterns);
  }

  note(text: string): void {
    this.seen.push(text);
  }

  troubles(): string[] {
    return this.seen.filter((text) => !this.allowed.some((pattern) => pattern.test(text)));
  }

  /* From here on, all that this page does. */
  async follow(page: Page, origin: () => string): Promise<void> {
    page.on("console", (message) => {
      if (message.type() === "error") this.note(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.note(`thrown: ${error.message}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (!["data:", "blob:", "about:"].includes(url.protocol) && url.origin !== origin()) this.note(`asked elsewhere: ${request.url()}`);
    });
    await page.exposeFunction("noteViolation", (rule: string, what: string) => this.note(`policy: ${rule} against ${what}`));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const { noteViolation } = window as unknown as { noteViolation: (rule: string, what: string) => void };
        noteViolation(event.effectiveDirective, event.blockedURI);
      });
    });
  }
}

/* A page that a test sends to another door is at home there. */
async function open(page: Page, door: Door, watch: Watch, address: string): Promise<Page> {
  await door.script({ text: "Hello" });
  await watch.follow(page, () => (page.url().startsWith("http") ? new URL(page.url()).origin : door.url));
  await page.goto(address);
  return page;
}

export interface Busy {
  door: Door;
  page: Page;
}

interface TestFixtures {
  busy: (settings: Settings) => Promise<Busy>;
  watch: Watch;
  openDoor: (settings?: Settings) => Promise<Door>;
  visitor: Page;
  page: Page;
}

export interface WorkerFixtures {
  door: Door;
  doorSettings: Settings;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  doorSettings: [{}, { scope: "worker", option: true }],
  door: [
    async ({ doorSettings }, use) => {
      const door = await Door.open(doorSettings);
      await use(door);
      await door.close();
    },
    { scope: "worker", timeout: 150_000 },
  ],
  baseURL: async ({ door }, use) => use(door.url),
  openDoor: async ({}, use) => {
    const doors: Door[] = [];
    await use(async (settings = {}) => {
      const door = await Door.open(settings);
      doors.push(door);
      return door;
    });
    await Promise.all(doors.map((door) => door.close()));
  },
  busy: async ({ openDoor, context, watch }, use) =>
    use(async (settings) => {
      const door = await openDoor(settings);
      const page = await context.newPage();
      await watch.follow(page, () => door.url);
      await page.goto(await door.link());
      return { door, page };
    }),
  watch: async ({}, use) => {
    const watch = new Watch();
    await use(watch);
    expect(watch.troubles()).toEqual([]);
  },
  visitor: async ({ context, door, watch }, use) => use(await open(await context.newPage(), door, watch, door.url + "/")),
  page: async ({ context, door, watch }, use) => use(await open(await context.newPage(), door, watch, await door.link())),
});

export { expect };
export type { Step } from "./door";
