/*
 * The messages of the conversation in view. One of more than SHORT messages is drawn from its end, an answer and the question after it at a time between
 * frames, so that it opens at once whatever its length and a phone stays free meanwhile; the browser itself skips what is far from view (content-visibility).
 */
import { Component, type VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language";
import type { Branch } from "../store/tree";
import { Icon } from "../ui/Icon";
import { AnswerView } from "./AnswerView";
import { useChat } from "./context";
import { Follower } from "./follow";
import { onFrame } from "./frames";
import { QuestionView } from "./QuestionView";

const SHORT = 2;
const PORTION = 2;
const PORTION_MS = 16;
const FAR = 2;

export function Thread(): VNode {
  const { chat } = useChat();
  const open = chat.open.value;
  return <Messages key={open.conversation.value.id} path={open.path.value} />;
}

function Messages({ path }: { path: readonly Branch[] }): VNode {
  const from = useHidden(path.length);
  const { scroller, content, following, follow } = useFollowing(path.at(-1)?.message.id ?? "");
  return (
    <div class="thread-frame">
      <div ref={scroller} class="thread" tabIndex={0} role="region" aria-label={t("msg.feed")}>
        <div ref={content} class="thread-content">
          {path.slice(from).map((branch, index) => (
            <MessageView key={branch.message.id} branch={branch} fromEnd={Math.min(FAR, path.length - 1 - from - index)} />
          ))}
        </div>
      </div>
      {!following && (
        <button type="button" class="to-end" aria-label={t("msg.toEnd")} title={`${t("msg.toEnd")} (End)`} onClick={follow}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

interface MessageProps {
  branch: Branch;
  fromEnd: number; /* 0: the last message; FAR for all that stand before the last two */
}

/* Draws again only for another message or place: those before it come by the hundred. What it is made of hears its signals itself. */
class MessageView extends Component<MessageProps> {
  override shouldComponentUpdate({ branch, fromEnd }: Readonly<MessageProps>): boolean {
    return branch !== this.props.branch || fromEnd !== this.props.fromEnd;
  }

  override render({ branch, fromEnd }: MessageProps): VNode {
    return (
      <div class={fromEnd < FAR ? "message" : "message message-far"}>
        {branch.message.role === "user" ? <QuestionView branch={branch} /> : <AnswerView branch={branch} last={fromEnd === 0} />}
      </div>
    );
  }
}

/* How many messages at the beginning are not drawn yet. The last answer is a portion by itself, since nothing stands behind it. */
function useHidden(count: number): number {
  const [hidden, setHidden] = useState(count > SHORT ? count : 0);
  useEffect(() => {
    if (hidden === 0) return undefined;
    const timer = setTimeout(() => setHidden(Math.max(0, hidden >= count ? count - 1 : hidden - PORTION)), PORTION_MS);
    return () => clearTimeout(timer);
  }, [hidden, count]);
  return Math.min(hidden, count);
}

interface Following {
  scroller: { current: HTMLDivElement | null };
  content: { current: HTMLDivElement | null };
  following: boolean;
  follow: () => void;
}

/* A new last message is followed from its beginning. */
function useFollowing(lastId: string): Following {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [follower] = useState(() => new Follower());
  const [following, setFollowing] = useState(true);
  const toEnd = (): void => {
    const element = scroller.current;
    const to = element && follower.grown(element);
    if (element && to !== null) element.scrollTop = to;
  };
  const follow = (): void => {
    follower.follow();
    setFollowing(true);
    onFrame(toEnd); /* where the layout is made anyway */
  };
  useLayoutEffect(follow, [lastId]);
  useEffect(() => {
    const element = scroller.current;
    if (!element || !content.current) return undefined;
    const scrolled = (): void => {
      if (follower.scrolled(element)) setFollowing(follower.following);
    };
    const end = (event: KeyboardEvent): void => {
      if (event.key === "End" && !event.ctrlKey && !event.metaKey && !isField(event.target)) follow();
    };
    const sizes = new ResizeObserver(toEnd);
    sizes.observe(content.current);
    sizes.observe(element);
    element.addEventListener("scroll", scrolled, { passive: true });
    addEventListener("keydown", end);
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", scrolled);
      removeEventListener("keydown", end);
    };
  }, []);
  return { scroller, content, following, follow };
}

const isField = (target: EventTarget | null): boolean => target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;
