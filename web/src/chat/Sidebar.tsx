/* The conversations of this browser: by day, found by words, and what can be done with each. On a narrow screen it lies over the page. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { language, languageTag, t } from "../i18n/language";
import type { Conversation, SearchHit } from "../store/types";
import { Button, IconButton } from "../ui/Button";
import { Icon, Mark } from "../ui/Icon";
import { isComposing } from "../ui/keys";
import { Menu, type MenuEntry } from "../ui/Menu";
import { toast } from "../ui/toasts";
import { useChat } from "./context";
import { groupByDay, type GroupName } from "./groups";
import { MoreMenu } from "./MoreMenu";
import { extras } from "./pieces";

const HITS_MAX = 50;
const TYPING_MS = 150;

export function Sidebar(): VNode {
  const { chat, look, navigate } = useChat();
  const [words, setWords] = useState("");
  const hits = useHits(words);
  const element = useRef<HTMLElement>(null);
  const shown = look.side.value;
  useEffect(() => {
    const side = element.current;
    if (shown && look.narrow && !side?.contains(document.activeElement)) side?.querySelector<HTMLElement>("button")?.focus();
  }, [shown]);
  const begin = (): void => {
    navigate("/chat");
    if (look.narrow) look.side.value = false;
  };
  return (
    <>
      {shown && <div class="side-veil" onClick={() => (look.side.value = false)} />}
      <nav
        ref={element}
        class={shown ? "side side-shown" : "side"}
        inert={!shown}
        aria-label={t("side.title")}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !look.narrow) return;
          event.stopPropagation();
          look.side.value = false;
        }}
      >
        <div class="side-head">
          <a
            class="brand"
            href="/chat"
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return;
              event.preventDefault();
              begin();
            }}
          >
            <Mark />
            <span dir="auto">{chat.services.site.value.name}</span>
          </a>
          <IconButton icon="side" label={t("side.hide")} onClick={() => (look.side.value = false)} />
        </div>
        <div class="side-tools">
          <Button icon="plus" onClick={begin}>
            {t("side.new")}
          </Button>
          <SearchField words={words} setWords={setWords} />
        </div>
        <div class="side-list">{hits ? <Hits words={words} hits={hits} /> : <Groups />}</div>
        <div class="side-foot">
          <MoreMenu />
        </div>
      </nav>
    </>
  );
}

function SearchField({ words, setWords }: { words: string; setWords: (words: string) => void }): VNode {
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        id="search"
        type="search"
        class="input"
        autocomplete="off"
        aria-label={t("side.search")}
        placeholder={t("side.search")}
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || words === "") return;
          event.stopPropagation();
          setWords("");
        }}
      />
      {words !== "" && <IconButton icon="close" label={t("side.clearSearch")} onClick={() => setWords("")} />}
    </div>
  );
}

/* Null: nothing is searched for. */
function useHits(words: string): readonly SearchHit[] | null {
  const { chat } = useChat();
  const [hits, setHits] = useState<readonly SearchHit[] | null>(null);
  const list = chat.conversations.value;
  useEffect(() => {
    if (words.trim() === "") {
      setHits(null);
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      void chat.services.store.search(words, HITS_MAX, abort.signal).then((found) => abort.signal.aborted || setHits(found));
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [words, list]);
  return hits;
}

function Hits({ words, hits }: { words: string; hits: readonly SearchHit[] }): VNode {
  return (
    <>
      <p class="side-note" role="status">
        {hits.length === 0 ? t("side.noHits", { words }) : t("side.hits", { count: hits.length })}
      </p>
      <ul>
        {hits.map(({ conversation, excerpt }) => (
          <Entry key={conversation.id} conversation={conversation} excerpt={excerpt} />
        ))}
      </ul>
    </>
  );
}

function Groups(): VNode {
  const { chat } = useChat();
  const groups = groupByDay(chat.conversations.value, Date.now());
  if (groups.length === 0) return <p class="side-note">{t("side.empty")}</p>;
  return (
    <>
      {groups.map((group) => (
        <section key={groupLabel(group.name)}>
          <h2 class="side-day">{groupLabel(group.name)}</h2>
          <ul>
            {group.conversations.map((conversation) => (
              <Entry key={conversation.id} conversation={conversation} excerpt="" />
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

function groupLabel(name: GroupName): string {
  if (name === "today") return t("side.today");
  if (name === "yesterday") return t("side.yesterday");
  if (name === "week") return t("side.week");
  if (name === "month") return t("side.month");
  return new Date(name.year, name.month, 1).toLocaleDateString(languageTag(), { year: "numeric", month: "long" });
}

function Entry({ conversation, excerpt }: { conversation: Conversation; excerpt: string }): VNode {
  const { chat, look, navigate } = useChat();
  const [renaming, setRenaming] = useState(false);
  const { id } = conversation;
  const title = conversation.title || t("side.untitled");
  const here = chat.open.value.conversation.value.id === id;
  if (renaming) return <Rename conversation={conversation} close={() => setRenaming(false)} />;
  return (
    <li class={here ? "entry entry-here" : "entry"}>
      <a
        class="entry-link"
        href={`/chat/${id}`}
        aria-current={here ? "page" : undefined}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          navigate(`/chat/${id}`);
          if (look.narrow) look.side.value = false;
        }}
      >
        <span class="entry-title" dir="auto">
          {title}
        </span>
        {excerpt !== "" && (
          <span class="entry-excerpt" dir="auto">
            {excerpt}
          </span>
        )}
      </a>
      <Dot id={id} />
      <Menu label={t("side.options", { title })} class="icon-button entry-menu" entries={() => entryMenu(() => setRenaming(true))}>
        <Icon name="dots" />
      </Menu>
    </li>
  );

  function entryMenu(rename: () => void): MenuEntry[] {
    const { store } = chat.services;
    return [
      { label: t("side.rename"), icon: "pen", act: rename },
      { label: t("side.exportMarkdown"), icon: "out", act: () => void extras.load().then((here) => here?.exportMarkdown(store, conversation)) },
      { label: t("side.exportJson"), icon: "out", act: () => void extras.load().then((here) => here?.exportJson(store, [id], title)) },
      { kind: "line" },
      { label: t("side.delete"), icon: "bin", danger: true, act: () => void remove() },
    ];
  }

  async function remove(): Promise<void> {
    const bringBack = await chat.remove(id);
    toast({ text: t("side.deleted", { title }), ...(bringBack ? { action: { label: t("common.undo"), act: () => void bringBack() } } : {}) });
  }
}

function Dot({ id }: { id: string }): VNode | null {
  const { chat } = useChat();
  const running = chat.running.value.has(id);
  if (!running && !chat.fresh.value.has(id)) return null;
  const label = running ? t("side.running") : t("side.fresh");
  return <span class={running ? "dot dot-running" : "dot"} role="img" aria-label={label} title={label} />;
}

function Rename({ conversation, close }: { conversation: Conversation; close: () => void }): VNode {
  const { chat } = useChat();
  const field = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useEffect(() => field.current?.select(), []);
  const finish = (keep: boolean): void => {
    if (done.current) return;
    done.current = true;
    if (keep && field.current) chat.rename(conversation.id, field.current.value);
    close();
  };
  return (
    <li class="entry">
      <input
        ref={field}
        class="input"
        maxLength={200}
        lang={language()}
        dir="auto"
        aria-label={t("side.renameField")}
        defaultValue={conversation.title}
        onBlur={() => finish(true)}
        onKeyDown={(event) => {
          if (isComposing(event)) return;
          if (event.key === "Enter") finish(true);
          if (event.key !== "Escape") return;
          event.stopPropagation();
          finish(false);
        }}
      />
    </li>
  );
}
