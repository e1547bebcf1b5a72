/* Without a network: the shell opens, old conversations can be read, and the page says how it is. */
import { expect, test } from "./fixtures";
import { answered, answers, ask } from "./person";

test("an old conversation opens without a network", async ({ page, context, watch }) => {
  watch.allow(/Failed to load resource/, /ERR_INTERNET_DISCONNECTED/);
  await ask(page, "Keep this");
  await answered(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await expect(answers(page)).toContainText("Hello");
  await context.setOffline(true);
  await page.reload();
  await expect(answers(page)).toContainText("Hello");
  await expect(page.getByText("You are offline.")).toBeVisible();
  await context.setOffline(false);
});
