/*
 * Small settings of this browser (localStorage, one entry), with memory in their place where storage is denied. Never throws.
 *
 * All tabs share the entry: who changes one setting leaves the others as another tab may have made them since.
 */

export interface Settings {
  language: "" | "en" | "zh"; /* "": the browser's */
  theme: "" | "light" | "dark"; /* "": the system's */
  model: string; /* the one chosen last */
  key: string; /* only when the user wants it kept here; "" otherwise */
}

const ENTRY = "seawall";
const VALUE_CHARS_MAX = 1024;

const DEFAULTS: Settings = { language: "", theme: "", model: "", key: "" };
const CHOICES: { [name in keyof Settings]?: readonly string[] } = { language: ["", "en", "zh"], theme: ["", "light", "dark"] };

export interface SettingsStore {
  get(): Settings;
  /* The same, as another tab may have changed them. */
  readAgain(): Settings;
  /* Returns whether it is kept beyond this page. */
  set(change: Partial<Settings>): boolean;
}

export function createSettings(storage: () => Storage = () => localStorage): SettingsStore {
  let unwritten: Partial<Settings> = {};
  const readAgain = (): Settings => ({ ...DEFAULTS, ...stored(storage), ...unwritten });
  let settings = readAgain();
  return {
    get: () => settings,
    readAgain: () => (settings = readAgain()),
    set(change) {
      unwritten = { ...unwritten, ...change };
      settings = readAgain();
      try {
        storage().setItem(ENTRY, JSON.stringify(settings));
        unwritten = {};
        return true;
      } catch {
        return false;
      }
    },
  };
}

/* Those that are there and good. */
function stored(storage: () => Storage): Partial<Settings> {
  const settings: Partial<Settings> = {};
  try {
    const entry: unknown = JSON.parse(storage().getItem(ENTRY) ?? "{}");
    if (typeof entry !== "object" || entry === null) return settings;
    for (const name of Object.keys(DEFAULTS) as (keyof Settings)[]) {
      const value: unknown = (entry as Record<string, unknown>)[name];
      if (typeof value !== "string" || value.length > VALUE_CHARS_MAX || CHOICES[name]?.includes(value) === false) continue;
      Object.assign(settings, { [name]: value });
    }
  } catch {
    /* denied, or not ours: none */
  }
  return settings;
}
