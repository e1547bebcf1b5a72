/*
 * The keyboard, as one table: the dialog lists it and the page obeys it. Chords are Ctrl on most systems and Cmd on Apple's; none is one that a browser needs
 * for itself. Plain keys work outside of fields only.
 */
import type { MessageKey } from "../i18n/messages";

export type Verb = "new" | "search" | "focus" | "stop" | "copy" | "edit" | "side" | "help";

export interface Shortcut {
  verb: Verb;
  says: Extract<MessageKey, `keys.${string}`>;
  keys: readonly string[]; /* as the dialog shows them; "Mod" is Ctrl or ⌘ */
  matches(event: KeyboardEvent): boolean;
}

const chord = (code: string) => (event: KeyboardEvent) => (event.ctrlKey || event.metaKey) && event.shiftKey && !event.altKey && event.code === code;
const mod = (code: string) => (event: KeyboardEvent) => (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.code === code;
const plain = (key: string) => (event: KeyboardEvent) => !event.ctrlKey && !event.metaKey && !event.altKey && event.key === key && !inField(event.target);

export const SHORTCUTS: readonly Shortcut[] = [
  { verb: "new", says: "keys.new", keys: ["Mod", "Shift", "O"], matches: chord("KeyO") },
  { verb: "search", says: "keys.search", keys: ["Mod", "K"], matches: mod("KeyK") },
  { verb: "focus", says: "keys.focus", keys: ["/"], matches: plain("/") },
  { verb: "stop", says: "keys.stop", keys: ["Esc"], matches: (event) => event.key === "Escape" && !event.defaultPrevented },
  { verb: "copy", says: "keys.copy", keys: ["Mod", "Shift", ";"], matches: chord("Semicolon") },
  { verb: "edit", says: "keys.edit", keys: ["Mod", "Shift", "E"], matches: chord("KeyE") },
  { verb: "side", says: "keys.side", keys: ["Mod", "Shift", "S"], matches: chord("KeyS") },
  { verb: "help", says: "keys.help", keys: ["?"], matches: plain("?") },
];

function inField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
}
