/*
 * Tests in Debian's Chromium against the daemon of SEAWALL_BUILD (test/browser/). Projects: a desktop runs everything, a phone all but what is slow; tests
 * with @looks in their title run in Chinese and in the dark too; model.spec.ts runs where SEAWALL_MODEL names a folder as ./run leaves it, and monkey.spec.ts,
 * on the desktop, where SEAWALL_MONKEY says how many steps.
 */
import { defineConfig, devices } from "@playwright/test";

import type { WorkerFixtures } from "./test/browser/fixtures";

const desktop = { ...devices["Desktop Chrome"], viewport: { width: 1280, height: 800 } };
const phone = { ...devices["Pixel 7"], viewport: { width: 390, height: 844 } };
const model = process.env.SEAWALL_MODEL;
const MODEL = /model\.spec/;
const NO_PAGE = /harness\.spec/; /* of no width */
const MONKEY = process.env.SEAWALL_MONKEY ? [] : [/monkey\.spec/];
const SLOW = /busy\.spec/; /* a real queue's waits; wait.spec.ts has the same states in each width */

/* Chosen here, once: each process of a run reads monkey.spec.ts anew, and has to find the same test in it. */
process.env.SEAWALL_MONKEY_SEED ??= String(Date.now() % 1_000_000);

export default defineConfig<object, WorkerFixtures>({
  testDir: "test/browser",
  outputDir: "test-results",
  fullyParallel: true,
  forbidOnly: true,
  workers: 2,
  timeout: 30_000,
  expect: { timeout: 15_000 }, /* a machine of two cores that builds beside it */
  reporter: process.env.SEAWALL_JUNIT ? [["list"], ["junit", { outputFile: process.env.SEAWALL_JUNIT }]] : "list",
  use: {
    locale: "en-US",
    launchOptions: {
      /* Chromium without a window: the same engine, and a page opens in a third of the time. SEAWALL_CHROMIUM may name the whole browser. */
      executablePath: process.env.SEAWALL_CHROMIUM ?? "/usr/bin/chromium-headless-shell",
      /* Chromium's own sandbox does not start as root. */
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
  projects: [
    { name: "desktop", testIgnore: [MODEL, ...MONKEY], use: desktop },
    { name: "phone", testIgnore: [MODEL, NO_PAGE, SLOW, /monkey\.spec/], use: phone },
    { name: "desktop-chinese-dark", testIgnore: MODEL, grep: /@looks/, use: { ...desktop, locale: "zh-CN", colorScheme: "dark" } },
    { name: "phone-chinese-dark", testIgnore: MODEL, grep: /@looks/, use: { ...phone, locale: "zh-CN", colorScheme: "dark" } },
    ...(model ? [{ name: "model", testMatch: MODEL, use: { ...desktop, doorSettings: { embedded: model } } }] : []),
  ],
});
