/*
 * The language that the pages speak, and how a row of the table becomes a sentence. Reading t() inside a component draws it again when the language changes.
 */
import { signal } from "@preact/signals";
import { messages, type MessageKey, type Row } from "./messages";

export type Language = "en" | "zh";

type Named<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Named<Rest> : never;
type NamesOf<Key extends MessageKey> = Named<(typeof messages)[Key]["zh"]>;
type Parameters<Key extends MessageKey> = [NamesOf<Key>] extends [never] ? [] : [Record<NamesOf<Key>, string | number>];

export const LANGUAGES: readonly { code: Language; name: string }[] = [
  { code: "en", name: "English" },
  { code: "zh", name: "中文" },
];

const current = signal<Language>("en");
const TAGS: Record<Language, string> = { en: "en", zh: "zh-CN" };

export const language = (): Language => current.value;

/* For dates, numbers and the document's `lang`. */
export const languageTag = (): string => TAGS[current.value];

/* "" means the browser's. */
export function chooseLanguage(choice: Language | ""): void {
  current.value = choice === "" ? fromBrowser(navigator.languages) : choice;
  document.documentElement.lang = TAGS[current.value];
}

export function fromBrowser(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const found = LANGUAGES.find(({ code }) => tag.toLowerCase().split("-")[0] === code);
    if (found) return found.code;
  }
  return "en";
}

export function t<Key extends MessageKey>(key: Key, ...parameters: Parameters<Key>): string {
  return fill(messages[key], current.value, parameters[0] ?? {});
}

/* What to say of a reason code of the door; null: the table does not know it. */
export function reason(code: string): string | null {
  const key = `reason.${code}`;
  return code !== "unknown" && Object.hasOwn(messages, key) ? fill(messages[key as MessageKey], current.value, {}) : null;
}

export function fill(row: Row, to: Language, parameters: Readonly<Record<string, string | number>>): string {
  const words = row[to];
  const plural = parameters.count === 1 || parameters.count === "1" ? "one" : "other";
  const sentence = typeof words === "string" ? words : words[plural];
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => shown(parameters[name] ?? whole));
}

function shown(value: string | number): string {
  return typeof value === "number" ? showNumber(value, 3) : value;
}

/* 1234.5 as "1,234.5", which is right in all our languages. By hand: a browser's Intl takes some 20 ms when it is first used, in the middle of an answer. */
export function showNumber(value: number, digitsMax: number): string {
  const [whole = "", rest = ""] = value.toFixed(digitsMax).split(".");
  const digits = rest.replace(/0+$/, "");
  return whole.replace(/\B(?=(?:\d{3})+$)/g, ",") + (digits === "" ? "" : `.${digits}`);
}
