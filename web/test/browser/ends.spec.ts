/* How answers end before their time, and what a question may carry. */
import { expect, test } from "./fixtures";
import { answered, answers, ask, composer, keyId, send } from "./person";

test("a refusal whose time runs out is asked again by itself", async ({ page, door, watch }) => {
  await door.script({ text: "Hello" });
  watch.allow(/Failed to load resource/);
  const refused = { error: { message: "not yet", type: "rate_limit_error", param: null, code: "come_back_later" } };
  const tickets: (string | undefined)[] = [];
  await page.route("**/v1/chat/completions", (route, request) => {
    tickets.push(request.headers()["seawall-ticket"]);
    if (tickets.length > 1) return route.continue();
    return route.fulfill({ status: 429, headers: { "Retry-After": "1", "Seawall-Ticket": "place-7" }, json: refused });
  });
  await ask(page, "Go");
  await expect(page.getByRole("timer")).toBeVisible();
  await answered(page);
  await expect(answers(page)).toContainText("Hello");
  expect(tickets).toEqual([undefined, "place-7"]);
});

test("an answer that reached its longest length can be continued", async ({ page, door }) => {
  await door.script({ text: "The first half" }, { end: "length" });
  await ask(page, "Go");
  await answered(page);
  await expect(page.getByText("The answer reached its longest length.")).toBeVisible();
  await door.script({ text: " and the second." });
  await page.getByRole("button", { name: "Continue from here" }).click();
  await answered(page);
  await expect(answers(page)).toContainText("The first half and the second.");
  await expect(answers(page)).toHaveCount(1);
});

test("a key that is disabled in mid-answer: the answer ends, and the next question says what to do", async ({ openDoor, context, watch }) => {
  watch.allow(/Failed to load resource/);
  const door = await openDoor();
  const page = await context.newPage();
  await page.goto(await door.link());
  await door.script({ text: "Half" }, { hold: "disabled" }, { text: " and whole." });
  await ask(page, "Go");
  await expect(answers(page)).toContainText("Half");
  expect((await door.tool("key", "disable", await keyId(door))).status).toBe(0);
  await door.release("disabled");
  await answered(page);
  await expect(answers(page)).toContainText("Half and whole.");
  await ask(page, "And now?");
  await expect(page.getByText("This key has been disabled. Ask whoever runs this service why.")).toBeVisible();
});

test("text files go with a question; others are refused by name", async ({ page, door }) => {
  await door.script({ text: "Brest." });
  const files = page.locator('.composer-row input[type="file"]');
  await files.setInputFiles({ name: "photo.bin", mimeType: "application/octet-stream", buffer: Buffer.from([0, 1, 2, 0xff, 0xfe, 0, 0]) });
  await expect(page.getByText("“photo.bin” is not a text file, so it cannot be attached.")).toBeVisible();
  await files.setInputFiles({ name: "tides.csv", mimeType: "text/csv", buffer: Buffer.from("harbour,tide\nBrest,6.1\n") });
  await expect(page.getByText("tides.csv").first()).toBeVisible();
  await composer(page).fill("Which harbour?");
  await send(page);
  await answered(page);
  const sent = (await door.calls())[0]?.body.messages.at(-1)?.content;
  expect(sent).toContain("Which harbour?");
  expect(sent).toContain("Brest,6.1");
});

test("a file that cannot be imported is refused in the page's language @looks", async ({ page }) => {
  const picker = page.locator("input[type='file'][accept*='json']");
  await picker.setInputFiles({ name: "notes.json", mimeType: "application/json", buffer: Buffer.from("{") });
  await expect(page.getByText(/it is not JSON|文件不是 JSON/)).toBeVisible();
});
