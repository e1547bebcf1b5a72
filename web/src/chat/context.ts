/* What every view of the page is given. */
import { signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Chat } from "./chat";

/* How the page stands, as far as it is nobody's conversation. */
export class Look {
  private readonly wide = matchMedia("(min-width: 56rem)");
  readonly side = signal(this.wide.matches);
  readonly dialog = signal<"" | "keys" | "settings" | "signOut">("");
  readonly editing = signal(""); /* the id of the question that is being edited */
  readonly online = signal(navigator.onLine);

  constructor() {
    this.wide.addEventListener("change", () => (this.side.value = this.wide.matches));
    addEventListener("online", () => (this.online.value = true));
    addEventListener("offline", () => (this.online.value = false));
  }

  get narrow(): boolean {
    return !this.wide.matches;
  }

  /* What is typed next goes into the field, unless that would open a phone's keyboard over what is to be read. */
  toComposer(): void {
    if (!this.narrow) document.getElementById("composer")?.focus();
  }

  toggleSide(): void {
    this.side.value = !this.side.value;
  }
}

export interface ChatContext {
  chat: Chat;
  look: Look;
  navigate: (path: string) => void;
}

const Context = createContext<ChatContext | null>(null);
export const ChatProvider = Context.Provider;

export function useChat(): ChatContext {
  const found = useContext(Context);
  if (!found) throw new Error("a view of the chat outside of the chat");
  return found;
}
