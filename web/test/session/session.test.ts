/* Signing in and out: which key goes where, and what a link leaves behind. */
import { expect, test, vi } from "vitest";
import { ApiError, type Refusal } from "../../src/api/types";
import { exchangeLink, takeLinkToken } from "../../src/session/link";
import { Session } from "../../src/session/session";
import { siteOf } from "../../src/session/site";

const refusal: Refusal = { status: 401, code: "expired_api_key", message: "", retryAfterMs: null, requestId: "r" };
const keeper = (key = "") => ({ key, read: () => key, write: vi.fn((to: string) => void (key = to)) });

test("a good key stays in the tab, and in the browser only when wanted", async () => {
  const [browser, tab] = [keeper(), keeper()];
  const session = new Session(browser, tab);
  expect(await session.signIn(" sk-1 ", false, () => Promise.resolve())).toEqual({ ok: true });
  expect([browser.read(), tab.read(), session.key.value]).toEqual(["", "sk-1", "sk-1"]);
  await session.signIn("sk-2", true, () => Promise.resolve());
  expect([browser.read(), tab.read()]).toEqual(["sk-2", ""]);
  session.signOut();
  expect([browser.read(), tab.read(), session.key.value]).toEqual(["", "", ""]);
});

test("a key that is not taken changes nothing, and says why", async () => {
  const session = new Session(keeper("sk-old"), keeper());
  const result = await session.signIn("sk-new", true, () => Promise.reject(new ApiError(refusal)));
  expect(result).toEqual({ ok: false, refusal });
  expect(session.key.value).toBe("sk-old");
  expect(session.trouble.value).toBe(refusal);
});

test("a link's token leaves the address at once", () => {
  const replaceState = vi.fn();
  const history = { state: null, replaceState } as unknown as History;
  const at = (hash: string) => ({ hash, pathname: "/chat", search: "?a" }) as Location;
  expect(takeLinkToken(at("#link=ab-c_1"), history)).toBe("ab-c_1");
  expect(replaceState).toHaveBeenCalledWith(null, "", "/chat?a");
  expect(takeLinkToken(at("#link=<x>"), history)).toBeNull();
  expect(replaceState).toHaveBeenCalledTimes(2);
  expect(takeLinkToken(at("#else"), history)).toBeNull();
  expect(replaceState).toHaveBeenCalledTimes(2);
});

test("a link becomes a key, or a reason", async () => {
  const answer = (status: number, body: unknown) => vi.fn(() => Promise.resolve(new Response(JSON.stringify(body), { status })));
  const good = answer(200, { key: "sk-1", name: "first" });
  expect(await exchangeLink("t", good)).toBe("sk-1");
  expect(good).toHaveBeenCalledWith("/sign-in/link", expect.objectContaining({ method: "POST", headers: { Authorization: "Link t" } }));
  await expect(exchangeLink("t", answer(410, { error: { code: "link_used", message: "used" } }))).rejects.toMatchObject({ refusal: { status: 410, code: "link_used" } });
  await expect(exchangeLink("t", () => Promise.reject(new Error("offline")))).rejects.toMatchObject({ refusal: { status: 0, code: "unreachable" } });
});

test("what the service does not say has careful values", () => {
  expect(siteOf(null)).toEqual({ name: "Seawall", keyRequired: true, bodyBytesMax: 1 << 20, reached: false });
  expect(siteOf({ name: "Cove", key_required: false, body_bytes_max: 5, new_field: 1 })).toEqual({ name: "Cove", keyRequired: false, bodyBytesMax: 5, reached: true });
});
