/*
 * The chat page.
 *
 *   main.tsx makes Services ──▶ Chat (chat.ts: all that happens) ──▶ views (*.tsx: all that is seen)
 *
 * Views read signals of Chat and call its verbs; nothing else changes a conversation. Pure parts (follow, announcer, groups, wire, attachments, sampling)
 * know no signals and no document.
 */
import type { ReadonlySignal, Signal } from "@preact/signals";
import type { ApiClient } from "../api/types";
import type { Session } from "../session/session";
import type { SiteInfo } from "../session/types";
import type { SettingsStore } from "../store/settings";
import type { Branch } from "../store/tree";
import type { Conversation, ConversationStore, Message } from "../store/types";

export interface Services {
  client: ApiClient;
  store: ConversationStore;
  session: Session;
  settings: SettingsStore;
  site: Signal<SiteInfo>;
}

/* A conversation whose messages are at hand. */
export interface OpenConversation {
  conversation: Signal<Conversation>;
  messages: Signal<readonly Message[]>;
  path: ReadonlySignal<readonly Branch[]>;
  listed: boolean; /* false: begun, and nothing asked yet */
}
