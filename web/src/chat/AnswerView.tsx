/* An answer: its thoughts, its text, how it ended, and below it what can be done with it. Under way it draws from the running answer, later from the message. */
import type { VNode } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language";
import { copyText } from "../markdown/copy";
import { parseMarkdown } from "../markdown/stream";
import type { Block } from "../markdown/types";
import { MarkdownView } from "../markdown/view";
import type { Branch } from "../store/tree";
import type { Message } from "../store/types";
import { Button, IconButton } from "../ui/Button";
import { Icon, Swell } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { useChat } from "./context";
import { figuresOf, showTime } from "./figures";
import { Follower } from "./follow";
import type { RunningAnswer } from "./running";
import { Versions } from "./Versions";
import { LeftNotice, RefusalDetails, WaitNotice } from "./WaitNotice";
import { endText, markdownLabels, reductionText } from "./words";

const COPIED_MS = 2_000;

export function AnswerView({ branch, last }: { branch: Branch; last: boolean }): VNode {
  const { chat } = useChat();
  const { message } = branch;
  const answer = chat.answers.value.get(message.id);
  const over = answer ? answer.over.value : message.finish !== undefined;
  return (
    <article class={over ? "answer" : "answer answer-live"} aria-label={t("msg.answer")} aria-busy={!over}>
      <Reduced message={message} answer={answer} />
      {answer ? <LiveBody answer={answer} /> : <StillBody message={message} />}
      {!over && (answer ? <WaitNotice answer={answer} /> : <LeftNotice message={message} />)}
      {over && <End message={message} last={last} />}
      {over && <Below branch={branch} last={last} />}
    </article>
  );
}

function LiveBody({ answer }: { answer: RunningAnswer }): VNode {
  const blocks = answer.blocks.value;
  const thinking = answer.state.value?.kind === "reasoning";
  return (
    <>
      {answer.thoughts.value.length > 0 && <Thoughts blocks={() => answer.thoughts.value} thinking={thinking} ms={answer.message.reasoningMs} />}
      {blocks.length > 0 && <MarkdownView blocks={blocks} labels={markdownLabels()} />}
    </>
  );
}

function StillBody({ message }: { message: Message }): VNode {
  const blocks = useMemo(() => parseMarkdown(message.text), [message.text]);
  const { reasoning } = message;
  return (
    <>
      {reasoning && <Thoughts blocks={() => parseMarkdown(reasoning)} thinking={false} ms={message.reasoningMs} />}
      {blocks.length > 0 && <MarkdownView blocks={blocks} labels={markdownLabels()} />}
    </>
  );
}

/* Open while the model thinks, folded afterwards, unless somebody decided otherwise. What grows is followed until it is scrolled up. Folded thoughts are not drawn. */
function Thoughts({ blocks, thinking, ms }: { blocks: () => readonly Block[]; thinking: boolean; ms: number | undefined }): VNode {
  const [chosen, choose] = useState<boolean | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const open = chosen ?? thinking;
  const words = thinking ? t("msg.thinking") : ms === undefined ? t("msg.thoughts") : t("msg.thought", { time: showTime(ms) });
  useEffect(() => {
    const scroller = box.current;
    const content = scroller?.firstElementChild;
    if (!thinking || !scroller || !content) return undefined;
    const follower = new Follower();
    const sizes = new ResizeObserver(() => {
      const to = follower.grown(scroller);
      if (to !== null) scroller.scrollTop = to;
    });
    const scrolled = (): void => void follower.scrolled(scroller);
    const pressed = ({ key }: KeyboardEvent): void => {
      if (key === "End") follower.follow(); /* the end may have gone on before the browser is there */
    };
    sizes.observe(content);
    scroller.addEventListener("scroll", scrolled, { passive: true });
    scroller.addEventListener("keydown", pressed);
    return () => {
      sizes.disconnect();
      scroller.removeEventListener("scroll", scrolled);
      scroller.removeEventListener("keydown", pressed);
    };
  }, [thinking, open]);
  return (
    <section class={thinking ? "thoughts thoughts-live" : "thoughts"} aria-label={t("msg.thoughts")}>
      <button type="button" class="thoughts-head" aria-expanded={open} onClick={() => choose(!open)}>
        {thinking && <Swell />}
        <span>{words}</span>
        <Icon name="chevron" />
      </button>
      {open && (
        <div ref={box} class="thoughts-body" tabIndex={0} role="group" aria-label={t("msg.thoughts")}>
          <MarkdownView blocks={blocks()} labels={markdownLabels()} />
        </div>
      )}
    </section>
  );
}

function Reduced({ message, answer }: { message: Message; answer: RunningAnswer | undefined }): VNode | null {
  const reductions = answer ? answer.reductions.value : (message.reductions ?? []);
  if (reductions.length === 0) return null;
  return (
    <p class="reduced">
      {t("less.title", { what: reductions.map(reductionText).join(t("app.comma")) })}
    </p>
  );
}

function End({ message, last }: { message: Message; last: boolean }): VNode | null {
  const { chat, look } = useChat();
  const words = endText(message);
  if (words === null) return null;
  /* What an earlier page heard of its key says nothing of one that is taken now. */
  const holds = message.refusal?.status !== 401 || chat.answers.value.has(message.id) || chat.modelsTrouble.value?.status === 401;
  const quiet = message.finish === "stopped" || message.finish === "length" || message.finish === "other";
  const empty = message.text === "";
  const goOn = (): void => {
    look.toComposer(); /* the button goes */
    chat.goOn(message);
  };
  const actions = (last || empty) && (
    <Button icon={empty ? "again" : "forward"} onClick={goOn}>
      {empty ? t("msg.retry") : t("msg.continue")}
    </Button>
  );
  return (
    <Notice {...(quiet ? {} : { look: "warn" as const })} actions={actions}>
      <p>{words}</p>
      {message.refusal && holds && <RefusalDetails refusal={message.refusal} />}
    </Notice>
  );
}

function Below({ branch, last }: { branch: Branch; last: boolean }): VNode {
  const { chat } = useChat();
  const { message } = branch;
  return (
    <div class={last ? "below below-last" : "below"}>
      <div class="below-actions">
        <Versions branch={branch} />
        {message.text !== "" && <CopyButton text={message.text} />}
        {message.text !== "" && <IconButton icon="again" label={t("msg.retry")} onClick={() => chat.retry(message)} />}
      </div>
      {message.text !== "" && <Figures message={message} />}
    </div>
  );
}

function Figures({ message }: { message: Message }): VNode | null {
  const figures = figuresOf(message);
  if (figures.length === 0) return null;
  const read = message.usage && message.usage.promptTokens > 0 ? t("fig.prompt", { count: message.usage.promptTokens }) : undefined;
  return (
    <ul class="figures" title={read}>
      {figures.map((figure) => (
        <li key={figure}>{figure}</li>
      ))}
    </ul>
  );
}

export function CopyButton({ text }: { text: string }): VNode {
  const [copied, setCopied] = useState<boolean | null>(null);
  useEffect(() => {
    if (copied === null) return undefined;
    const timer = setTimeout(() => setCopied(null), COPIED_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const label = copied === null ? t("msg.copy") : copied ? t("common.copied") : t("common.copyFailed");
  return <IconButton icon={copied ? "check" : "copy"} label={label} onClick={() => void copyText(text).then(setCopied)} />;
}
