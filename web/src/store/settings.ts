/*
 * Small settings of this browser (localStorage, one entry), with memory in their place where storage is denied. Never throws.
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
  /* Returns whether it is kept beyond this page. */
  set(change: Partial<Settings>): boolean;
}

export function createSettings(storage: () => Storage = () => localStorage): SettingsStore {
  let settings = read(storage);
  return {
    get: () => settings,
    set(change) {
      settings = { ...settings, ...change };
      try {
        storage().setItem(ENTRY, JSON.stringify(settings));
        return true;
      } catch {
        return false;
      }
    },
  };
}

function read(storage: () => Storage): Settings {
  const settings = { ...DEFAULTS };
  try {
    const stored: unknown = JSON.parse(storage().getItem(ENTRY) ?? "{}");
    if (typeof stored !== "object" || stored === null) return settings;
    for (const name of Object.keys(DEFAULTS) as (keyof Settings)[]) {
      const value: unknown = (stored as Record<string, unknown>)[name];
      if (typeof value !== "string" || value.length > VALUE_CHARS_MAX || CHOICES[name]?.includes(value) === false) continue;
      Object.assign(settings, { [name]: value });
    }
  } catch {
    /* denied, or not ours: the defaults */
  }
  return settings;
}
