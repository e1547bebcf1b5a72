/* Tabs of a page without the browser's locks: one of them has an answer, whoever asks when. */
import { afterEach, expect, test } from "vitest";
import { BEGINS, Claims } from "../../src/chat/locks";

const channels: BroadcastChannel[] = [];
afterEach(() => channels.splice(0).forEach((channel) => channel.close()));

function tab(): Claims {
  const channel = new BroadcastChannel("test-answers");
  channels.push(channel);
  return new Claims(channel);
}

test("who asks later does not get it, until it is let go", async () => {
  const [one, other] = [tab(), tab()];
  const letGo = await one.hold("a", 0.5);
  expect(letGo).not.toBeNull();
  expect(await other.hold("a", 0.5)).toBeNull();
  expect(await one.hold("a", 0.5)).toBeNull();
  expect(await other.hold("b", 0.5)).not.toBeNull();
  const free = other.free("a");
  letGo?.();
  await free;
  expect(await other.hold("a", 0.5)).not.toBeNull();
});

test("of those who ask at once one gets it", async () => {
  const tabs = [tab(), tab(), tab()];
  const got = await Promise.all(tabs.map((one, at) => one.hold("a", [0.2, 0.9, 0.5][at] ?? 0)));
  expect(got.map((letGo) => letGo !== null)).toEqual([false, true, false]);
});

test("who begins an answer has it, whoever asks in the same moment", async () => {
  const tabs = [tab(), tab()];
  const got = await Promise.all(tabs.map((one, at) => one.hold("a", at === 0 ? BEGINS : 0.999)));
  expect(got.map((letGo) => letGo !== null)).toEqual([true, false]);
});

test("alone, and where tabs cannot hear each other, everyone may", async () => {
  expect(await new Claims(null).hold("a", 0.5)).not.toBeNull();
});
