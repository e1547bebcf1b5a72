/*
 * Text as it may be shown: terminal escapes leave, other control characters become their pictures, characters that turn the direction of what follows are
 * named, and halves of character pairs become U+FFFD. Newline and tab stay. Linear; one look when there is nothing to do.
 */

const SUSPECT = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]/;
const TERMINAL = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\^_])/g;
const CONTROL = /[\0-\x08\x0b-\x1f\x7f]/g;
const CONTROL_1 = /[\x80-\x9f]/g;
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
/* Overrides and embeddings can show other code than is there; isolates are common in honest text and end with their block. */
const OVERRIDE = /[\u202a-\u202e]/g;
const HALF_TERMINAL = /\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]*)?$/;

export function clean(text: string): string {
  if (!SUSPECT.test(text)) return text;
  return text
    .replace(TERMINAL, "")
    .replace(CONTROL, (c) => (c === "\x7f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0))))
    .replace(CONTROL_1, "\ufffd")
    .replace(OVERRIDE, (c) => `\u27e6U+${c.charCodeAt(0).toString(16).toUpperCase()}\u27e7`)
    .replace(LONE, "\ufffd")
    .replace(/\ufeff/g, "");
}

/* Of a line that is not whole yet: what may turn out to be part of a pair or of an escape is left for later. */
export function cleanHalf(text: string): string {
  return clean(text.replace(HALF_TERMINAL, "").replace(/[\ud800-\udbff]$/, ""));
}
