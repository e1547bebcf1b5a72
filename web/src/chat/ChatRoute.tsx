/* The chat at its address: the sign-in first where a key is needed, else the conversation that the address names. */
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { ChatPage } from "./ChatPage";
import { useChat } from "./context";
import { SignIn } from "./SignIn";

/* A sign-in link is being exchanged. */
export const signingInByLink = signal(false);

export function ChatRoute({ id }: { id: string | null }): VNode {
  const { chat } = useChat();
  useEffect(() => void chat.showConversation(id), [id]);
  if (signingInByLink.value || chat.services.session.asked.value) return <SignIn byLink={signingInByLink.value} />;
  return <ChatPage />;
}
