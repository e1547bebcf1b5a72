/* How an answer stands while nothing of it is seen, or after it ended otherwise than well: in words, with what can be done. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { AnswerState, Refusal } from "../api/types";
import { t } from "../i18n/language";
import type { Message } from "../store/types";
import { Button } from "../ui/Button";
import { Swell } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { useChat } from "./context";
import { showCountdown } from "./figures";
import { RequestId } from "./RequestId";
import type { RunningAnswer } from "./running";
import { refusalText } from "./words";

/* Of an answer that is not over. */
export function WaitNotice({ answer }: { answer: RunningAnswer }): VNode | null {
  const { look } = useChat();
  const state = answer.state.value;
  if (state?.kind === "refused" && state.againAtMs !== null) return <AgainNotice answer={answer} refusal={state.refusal} atMs={state.againAtMs} />;
  const offline = !look.online.value && state?.kind === "returning";
  const words = offline ? t("wait.offline") : wordsOf(state);
  if (words === null) return null;
  return (
    <div class="wait">
      <Swell />
      <div>
        <p>{words}</p>
        {state?.kind === "queued" && <p class="wait-note">{t("wait.queuedNote")}</p>}
      </div>
    </div>
  );
}

/* Of an answer that another page left, or has: nobody here is coming back for it, or not yet. */
export function LeftNotice({ message }: { message: Message }): VNode {
  const { chat } = useChat();
  const { session, site } = chat.services;
  if (chat.elsewhere.value.has(message.id)) return <Notice>{t("msg.elsewhere")}</Notice>;
  if (session.key.value === "" && site.value.keyRequired) {
    const signIn = <Button icon="key" onClick={() => session.askAgain(null)}>{t("menu.signIn")}</Button>;
    return <Notice actions={signIn}>{t("wait.signedOut")}</Notice>;
  }
  return (
    <div class="wait">
      <Swell />
      <p>{t("wait.returning")}</p>
    </div>
  );
}

function wordsOf(state: AnswerState | null): string | null {
  if (state === null) return t("wait.sent");
  if (state.kind === "queued") {
    if (state.estimateMs === null) return t("wait.queued", { count: state.waiting });
    return t("wait.queuedEstimate", { count: state.waiting, time: showCountdown(state.estimateMs) });
  }
  if (state.kind === "near") return t("wait.near");
  return state.kind === "returning" ? t("wait.returning") : null;
}

const TICK_MS = 500;

function AgainNotice({ answer, refusal, atMs }: { answer: RunningAnswer; refusal: Refusal; atMs: number }): VNode {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <Notice
      look="warn"
      actions={
        <>
          <Button onClick={() => answer.tryNow()}>{t("wait.tryNow")}</Button>
          <Button look="plain" onClick={() => answer.stop()}>
            {t("wait.giveUp")}
          </Button>
        </>
      }
    >
      <p>{refusalText(refusal)}</p>
      <p role="timer">{atMs > now ? t("wait.again", { time: showCountdown(atMs - now) }) : t("wait.againNow")}</p>
      <RequestId id={refusal.requestId} />
    </Notice>
  );
}

/* Of an answer that was refused for good, or broke. */
export function RefusalDetails({ refusal }: { refusal: Refusal }): VNode {
  const { chat } = useChat();
  return (
    <>
      <p>{refusalText(refusal)}</p>
      {refusal.status === 401 && (
        <p>
          <Button icon="key" onClick={() => chat.services.session.askAgain(refusal)}>
            {t("wait.otherKey")}
          </Button>
        </p>
      )}
      <RequestId id={refusal.requestId} />
    </>
  );
}
