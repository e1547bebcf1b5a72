/* A conversation: asking, stopping, trying again, branching, going on. */
import { expect, test } from "./fixtures";
import { answered, answers, ask, composer, questions } from "./person";

test("an answer comes as it is written, with its figures", async ({ page, door }) => {
  await door.script({ text: "The wall **holds**." }, { hold: "half" }, { text: "\n\nAnd the sea goes on." });
  await ask(page, "Does it hold?");
  await expect(answers(page).locator("strong")).toHaveText("holds");
  await expect(page.getByRole("button", { name: "Stop the answer" })).toBeVisible();
  await door.release("half");
  await answered(page);
  await expect(answers(page)).toContainText("And the sea goes on.");
  await expect(page.locator(".figures")).toContainText("test-model");
  await expect(page.locator(".figures")).toContainText(/tokens?/);
  await expect(page).toHaveTitle(/Does it hold\?/);
  expect(page.url()).toMatch(/\/chat\/[\w-]+$/);
});

test("thoughts stand apart, open while they come and folded afterwards", async ({ page, door }) => {
  await door.script({ reasoning: "First the force.\n\nThen" }, { hold: "thinking" }, { text: "Done." });
  await ask(page, "Think");
  await expect(page.locator(".thoughts-body")).toContainText("First the force.");
  await door.release("thinking");
  await answered(page);
  await expect(page.locator(".thoughts-body")).toHaveCount(0);
  await page.getByRole("button", { name: /^Thought for/ }).click();
  await expect(page.locator(".thoughts-body")).toContainText("Then");
});

test("thoughts that are scrolled up stay where they are read, and are followed again from their end", async ({ page, door }) => {
  const lines = Array.from({ length: 40 }, (_, index) => ({ reasoning: `Line ${index}.\n\n` }));
  await door.script(...lines, { hold: "read" }, ...lines, { reasoning: "Middle." }, { hold: "again" }, ...lines, { reasoning: "The end." }, { hold: "thinking" }, { text: "Done." });
  await ask(page, "Think");
  const thoughts = page.locator(".thoughts-body");
  await expect(thoughts.getByText("Line 39.")).toBeInViewport();
  await thoughts.hover();
  await page.mouse.wheel(0, -200);
  await expect(thoughts.getByText("Line 39.")).not.toBeInViewport();
  const before = await thoughts.evaluate((element) => element.scrollTop);
  await door.release("read");
  await expect(thoughts).toContainText("Middle.");
  expect(await thoughts.evaluate((element) => element.scrollTop)).toBe(before);
  await thoughts.press("End");
  await expect(thoughts.getByText("Middle.")).toBeInViewport();
  await door.release("again");
  await expect(thoughts.getByText("The end.")).toBeInViewport();
  await door.release("thinking");
  await answered(page);
});

test("stop ends the engine's work, and what came stays", async ({ page, door }) => {
  await door.script({ text: "Half an answer" }, { hold: "never" });
  await ask(page, "Go");
  await expect(answers(page)).toContainText("Half an answer");
  await page.getByRole("button", { name: "Stop the answer" }).click();
  await expect(page.getByText("You stopped this answer.")).toBeVisible();
  await expect.poll(async () => (await door.calls())[0]?.hungUp).toBe(true);
  await expect(answers(page)).toContainText("Half an answer");
});

test("a double click on send does not stop what it began", async ({ page, door }) => {
  await door.script({ text: "Half" }, { hold: "half" }, { text: " and whole." });
  await composer(page).fill("Go");
  await page.locator(".composer .round").dblclick({ delay: 100 });
  await expect(answers(page)).toContainText("Half");
  await expect(page.getByRole("button", { name: "Stop the answer" })).toBeVisible();
  await door.release("half");
  await answered(page);
  await expect(answers(page)).toContainText("Half and whole.");
});

test("retry and edit make versions, and the arrows go between them", async ({ page, door }) => {
  await door.script({ text: "first answer" });
  await ask(page, "one");
  await answered(page);
  await door.script({ text: "second answer" });
  await answers(page).getByRole("button", { name: "Try again" }).click();
  await expect(answers(page)).toContainText("second answer");
  await answered(page);
  await expect(answers(page)).toContainText("2/2");
  await answers(page).getByRole("button", { name: "Previous version" }).click();
  await expect(answers(page)).toContainText("first answer");

  await door.script({ text: "third answer" });
  await questions(page).hover();
  await questions(page).getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Edit your message" }).fill("two");
  await questions(page).getByRole("button", { name: "Send" }).click();
  await expect(answers(page)).toContainText("third answer");
  await answered(page);
  expect((await door.calls())[0]?.body.messages).toEqual([{ role: "user", content: "two" }]);
  await expect(questions(page)).toContainText("2/2");
  await questions(page).getByRole("button", { name: "Previous version" }).click();
  await expect(questions(page)).toContainText("one");
});

test("an answer that reached its length goes on where it stopped", async ({ page, door }) => {
  await door.script({ text: "One, two, " }, { end: "length" });
  await ask(page, "Count");
  await answered(page);
  await expect(page.getByText("The answer reached its longest length.")).toBeVisible();
  await door.script({ text: "three." });
  await page.getByRole("button", { name: "Continue from here" }).click();
  await answered(page);
  await expect(answers(page)).toContainText("One, two, three.");
  const { messages } = (await door.calls())[0]!.body;
  expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
});

test("an answer that broke keeps what came, and offers to continue", async ({ page, door }) => {
  await door.script({ text: "Half of it" }, { cut: true });
  await ask(page, "Break");
  await answered(page);
  await expect(answers(page)).toContainText("Half of it");
  await expect(page.getByRole("button", { name: "Continue from here" })).toBeVisible();
});

test("settings go with the question, and bad ones are refused in words", async ({ page, door }) => {
  await page.getByRole("button", { name: "Settings of this conversation" }).click();
  await page.getByLabel("System prompt").fill("Be brief");
  await page.getByLabel("Temperature").fill("3");
  await expect(page.getByText("From 0 to 2.", { exact: true })).toBeVisible();
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByLabel("Seed").fill("7");
  await page.keyboard.press("Escape");
  await ask(page, "Hi");
  await answered(page);
  const { body } = (await door.calls())[0]!;
  expect(body).toMatchObject({ temperature: 0.5, seed: 7, model: "test-model" });
  expect(body.messages).toEqual([
    { role: "system", content: "Be brief" },
    { role: "user", content: "Hi" },
  ]);
});

test("who asks before the page knows the models is asked for with one", async ({ page, door }) => {
  await expect(composer(page)).toBeVisible();
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await page.route("**/v1/models", async (route) => {
    await held;
    await route.continue();
  });
  await page.reload();
  await ask(page, "Quick?");
  await expect(composer(page)).toHaveValue("");
  letGo();
  await answered(page);
  expect((await door.calls()).map(({ body }) => body.model)).toEqual(["test-model"]);
});

test("text files go with the question, others are refused in words", async ({ page, door }) => {
  const picker = page.locator('.composer input[type="file"]');
  await picker.setInputFiles([
    { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("tide: 6.1 m") },
    { name: "photo.png", mimeType: "image/png", buffer: Buffer.from([0x89, 0x50, 0, 1]) },
  ]);
  await expect(page.getByText("“photo.png” is not a text file")).toBeVisible();
  await ask(page, "How high?");
  await answered(page);
  const content = (await door.calls())[0]!.body.messages[0]!.content;
  expect(content).toContain("notes.txt");
  expect(content).toContain("tide: 6.1 m");
  await expect(questions(page)).toContainText("notes.txt");
});

test("a draft survives a reload, and an input method's Enter does not send", async ({ page, door }) => {
  await composer(page).fill("half a thou");
  await composer(page).dispatchEvent("keydown", { key: "Enter", isComposing: true });
  await composer(page).dispatchEvent("keydown", { key: "Enter", keyCode: 229 }); /* Safari's, when the composition is over already */
  await expect(composer(page)).toHaveValue("half a thou");
  await page.waitForFunction(async () => {
    const dbs = await indexedDB.databases();
    return dbs.length > 0;
  });
  await page.goto(door.url + "/chat");
  await expect(composer(page)).toHaveValue("half a thou");
});

test("scrolling up stops the following, and End resumes it", async ({ page, door }) => {
  const lines = Array.from({ length: 80 }, (_, index) => `Line ${index}.\n\n`);
  await door.script({ tokens: { of: lines } }, { hold: "scrolled" }, { tokens: { of: lines } }, { text: "The end." });
  await ask(page, "Long");
  await expect(answers(page)).toContainText("Line 79.");
  const thread = page.locator(".thread");
  await thread.hover();
  await page.mouse.wheel(0, -600);
  await expect(page.getByRole("button", { name: "To the end" })).toBeVisible();
  const before = await thread.evaluate((element) => element.scrollTop);
  await door.release("scrolled");
  await answered(page);
  expect(await thread.evaluate((element) => element.scrollTop)).toBe(before);
  await thread.press("End");
  await expect(page.getByRole("button", { name: "To the end" })).toHaveCount(0);
  await expect(page.getByText("The end.")).toBeInViewport();
});

test("nothing of a model's text becomes a script, a frame or a request", async ({ page, door, watch }) => {
  await door.script({ text: "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'> [a](javascript:window.ran=1) ![p](https://elsewhere.example/p.png)" });
  await ask(page, "Attack");
  await answered(page);
  await expect(answers(page)).toContainText("<script>");
  expect(await page.evaluate(() => "ran" in window)).toBe(false);
  await expect(answers(page).locator("img, script, iframe")).toHaveCount(0);
  expect(watch.troubles()).toEqual([]);
});

test("code is coloured by the page's worker, and is copied as it was written", async ({ page, door }) => {
  const code = Array.from({ length: 200 }, (_, i) => (i % 9 === 0 ? "" : `let value${i} = "text";`)).join("\n").trim();
  await door.script({ text: "```js\n" + code + "\n```\n\nThat is all." });
  await ask(page, "Write code");
  await answered(page);
  await expect(page.locator(".hljs-keyword").last()).toHaveText("let");
  await expect(page.locator(".hljs-keyword")).toHaveCount(code.match(/let/g)?.length ?? 0);
  const selected = await page.locator("pre code").evaluate((element) => {
    getSelection()?.selectAllChildren(element);
    return getSelection()?.toString();
  });
  expect(selected?.trimEnd()).toBe(code);
});
