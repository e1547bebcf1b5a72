/* SPDX-License-Identifier: Apache-2.0 */
/* Every reason of the door that a person at the page can meet has a sentence in the table. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { messages } from "../../src/i18n/messages";

const OF_A_BROKEN_CLIENT = ["bad_http", "invalid_json", "unknown_url"]; /* which the page is not */

test("every reason has a sentence", () => {
  const listed = readFileSync(new URL("../../../docs/reasons.md", import.meta.url), "utf8");
  const codes = [...listed.matchAll(/^\| `[A-Z_]+` \| (?:40[013]|404|410|413|422|429|50[0234]) \| `\w+` \| `(\w+)` \|/gm)].map((match) => match[1]);
  expect(codes.length).toBeGreaterThan(20);
  for (const code of codes) if (!OF_A_BROKEN_CLIENT.includes(code)) expect(Object.keys(messages), code).toContain(`reason.${code}`);
});
