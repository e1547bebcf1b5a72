/* The embedded model behind the door: nothing here is scripted. */
import { expect, test } from "./fixtures";

test("the page comes from a door with a real model", async ({ visitor, door }) => {
  await expect(visitor.locator("#app > *").first()).toBeVisible();
  const models = await fetch(door.url + "/v1/models", { headers: { Authorization: `Bearer ${door.key}` } });
  expect(((await models.json()) as { data: { id: string }[] }).data.map((model) => model.id)).toEqual(["smollm2"]);
});
