/* Keys: wrong, expired and disabled ones say what to do; a link signs in once and leaves no trace; signing out asks about conversations. */
import { expect, test } from "./fixtures";
import { answered, ask, composer, entries, keyId, showList, signIn } from "./person";

test("a wrong key says what to do, a good one goes on", async ({ visitor, door, watch }) => {
  watch.allow(/Failed to load resource/);
  const key = visitor.getByLabel("Key", { exact: true });
  await expect(key).toHaveAttribute("type", "password");
  await key.fill("sk-wrong");
  await visitor.getByRole("button", { name: "Sign in" }).click();
  await expect(visitor.getByText("This key is not valid.")).toBeVisible();
  await key.fill(`  ${door.key}\n`);
  await visitor.getByRole("button", { name: "Sign in" }).click();
  await expect(composer(visitor)).toBeVisible();
  expect(await visitor.evaluate(() => localStorage.getItem("seawall") ?? "")).not.toContain(door.key);
  await visitor.reload();
  await expect(composer(visitor)).toBeVisible();
});

test("a key is kept in this browser only when wanted, and signing out forgets it", async ({ visitor, door, context }) => {
  await visitor.getByLabel("Key", { exact: true }).fill(door.key);
  await visitor.getByLabel("Keep it in this browser").check();
  await visitor.getByRole("button", { name: "Sign in" }).click();
  await expect(composer(visitor)).toBeVisible();
  const second = await context.newPage();
  await second.goto(door.url + "/");
  await expect(composer(second)).toBeVisible();
  await ask(visitor, "Remember me");
  await answered(visitor);
  await showList(visitor);
  await visitor.getByRole("button", { name: "Settings and more" }).click();
  await visitor.getByRole("menuitem", { name: "Sign out" }).click();
  await visitor.getByRole("button", { name: "Sign out and delete all conversations" }).click();
  await expect(visitor.getByLabel("Key", { exact: true })).toBeVisible();
  await expect(second.getByLabel("Key", { exact: true })).toBeVisible(); /* in each tab that had it from here */
  expect(await second.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toContain(door.key);
});

test("a link signs in once and leaves the address", async ({ page, visitor, door, watch }) => {
  watch.allow(/Failed to load resource/);
  await expect(composer(page)).toBeVisible();
  expect(page.url()).not.toContain("link");
  await expect(entries(page)).toHaveCount(0);
  await visitor.goto(door.url + "/#link=AAAAAAAAAAAAAAAAAAAAAA");
  await expect(visitor.getByText("This link is not known.")).toBeVisible();
  expect(visitor.url()).not.toContain("link");
});

for (const keep of [false, true]) {
  test(`a key that is disabled later: the sign-in says why, also after another reload${keep ? ", where the key was kept in this browser" : ""}`, async ({ openDoor, context, watch }) => {
    watch.allow(/Failed to load resource/);
    const door = await openDoor();
    const page = await context.newPage();
    await page.goto(door.url + "/");
    if (keep) await page.getByLabel("Keep it in this browser").check();
    await signIn(page, door.key);
    await expect(composer(page)).toBeVisible();
    await door.tool("key", "disable", await keyId(door));
    for (let times = 0; times < 2; times++) {
      await page.reload();
      await expect(page.getByText("This key has been disabled. Ask whoever runs this service why.")).toBeVisible();
      await expect(page.getByLabel("Key", { exact: true })).toBeFocused();
    }
  });
}

test("where no key is wanted there is no sign-in", async ({ openDoor, context }) => {
  const door = await openDoor({ service: { keys: "ignored" } });
  const page = await context.newPage();
  await page.goto(door.url + "/");
  await expect(composer(page)).toBeVisible();
});
