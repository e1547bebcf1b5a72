/* The answer in view for who hears the page: whole sentences every few seconds, and its end. The drawn text itself is no live region. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/language";
import { Announcer } from "./announcer";
import { useChat } from "./context";

const SPEAK_MS = 3_000;

export function Spoken(): VNode {
  const { chat } = useChat();
  const answer = chat.current.value;
  const [said, say] = useState("");
  useEffect(() => {
    if (!answer) return undefined;
    const announcer = new Announcer(() => t("say.code"));
    answer.onText = (text) => announcer.push(text);
    say(t("say.asked"));
    const timer = setInterval(() => {
      const words = announcer.take();
      if (words !== "") say(words);
    }, SPEAK_MS);
    return () => {
      clearInterval(timer);
      answer.onText = null;
      announcer.finish();
      say(answer.over.value ? `${announcer.take()} ${t("say.done")}` : "");
    };
  }, [answer]);
  return (
    <div class="only-heard" role="status" aria-live="polite">
      {said}
    </div>
  );
}
