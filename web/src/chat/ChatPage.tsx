/* The chat page, put together: list, conversation, composer, dialogs, and the keyboard. */
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { t } from "../i18n/language";
import { copyText } from "../markdown/copy";
import { Button } from "../ui/Button";
import { Mark } from "../ui/Icon";
import { isComposing } from "../ui/keys";
import { Notice } from "../ui/Notice";
import { toast, Toasts } from "../ui/toasts";
import { Composer } from "./Composer";
import { useChat, type ChatContext } from "./context";
import { Head } from "./Head";
import { extras, talk } from "./pieces";
import { SHORTCUTS, type Verb } from "./shortcuts";
import { Sidebar } from "./Sidebar";
import { refusalText } from "./words";

export function ChatPage(): VNode {
  const context = useChat();
  const { chat, look } = context;
  useKeyboard(context);
  const { conversation, path } = chat.open.value;
  const { title } = conversation.value;
  const service = chat.services.site.value.name;
  useEffect(() => {
    document.title = title === "" ? service : `${title} · ${service}`;
  }, [title, service]);
  const empty = path.value.length === 0;
  const covered = look.side.value && look.narrow;
  return (
    <div class="page">
      <a class="skip" href="#composer">
        {t("app.skip")}
      </a>
      <Sidebar />
      <main class={empty ? "main main-empty" : "main"} inert={covered}>
        <h1 class="only-heard">{title === "" ? t("side.new") : title}</h1>
        <Head />
        <Notes />
        {empty ? <Hello /> : talk.here ? <talk.here.Thread /> : <div class="thread-frame" />}
        <Composer />
      </main>
      {talk.here && <talk.here.Spoken />}
      <Dialogs />
      <Toasts />
    </div>
  );
}

function Hello(): VNode {
  const { chat } = useChat();
  return (
    <div class="hello">
      <Mark />
      <p class="hello-title">{t("hello.title")}</p>
      <p class="hello-text">{chat.missing.value ? t("note.gone") : t("hello.text")}</p>
    </div>
  );
}

function Dialogs(): VNode | null {
  const { look } = useChat();
  const { here } = extras;
  const { value: wanted } = look.dialog;
  useEffect(() => {
    if (wanted !== "") void extras.load().then((loaded) => loaded ?? (look.dialog.value = ""));
  }, [wanted]);
  if (!here) return null;
  if (wanted === "keys") return <here.KeysDialog />;
  if (wanted === "settings") return <here.SettingsDialog />;
  return wanted === "signOut" ? <here.SignOutDialog /> : null;
}

/* What stands in the way of a question, if anything does. */
function Notes(): VNode | null {
  const { chat, look } = useChat();
  const { session, site } = chat.services;
  const trouble = chat.modelsTrouble.value;
  const again = <Button onClick={() => void chat.loadModels()}>{t("note.retry")}</Button>;
  const notes: VNode[] = [];
  if (!look.online.value) notes.push(<Notice key="offline">{t("note.offline")}</Notice>);
  else if (trouble?.status === 401) {
    const signIn = <Button icon="key" onClick={() => session.askAgain(trouble)}>{t("menu.signIn")}</Button>;
    notes.push(<Notice key="key" look="warn" actions={signIn}>{refusalText(trouble)}</Notice>);
  } else if (trouble && trouble.status === 0) notes.push(<Notice key="unreached" look="warn" actions={again}>{t("note.unreachable")}</Notice>);
  else if (trouble) notes.push(<Notice key="models" look="warn" actions={again}>{t("note.noModels", { why: refusalText(trouble) })}</Notice>);
  else if (chat.models.value.length === 0 && chat.modelsKnown.value && site.value.reached) {
    notes.push(<Notice key="none" look="warn" actions={again}>{t("note.noModelServes")}</Notice>);
  }
  if (talk.missing || extras.missing) {
    const reload = <Button onClick={() => location.reload()}>{t("note.reload")}</Button>;
    notes.push(<Notice key="missing" look="warn" actions={reload}>{t("note.missing")}</Notice>);
  }
  if (chat.storage.value !== "ready") {
    notes.push(<Notice key="storage" look="warn">{chat.storage.value === "full" ? t("note.storageFull") : t("note.storageDenied")}</Notice>);
  }
  return notes.length > 0 ? <div class="notes">{notes}</div> : null;
}

/* When what was changed has been drawn: the element may not be there yet, or not to be reached. */
function focusSoon(id: string): void {
  requestAnimationFrame(() => document.getElementById(id)?.focus());
}

function useKeyboard({ chat, look, navigate }: ChatContext): void {
  useEffect(() => {
    const verbs: Record<Verb, () => void> = {
      new: () => {
        void chat.showConversation(null); /* now, so that its field is there to be focused */
        navigate("/chat");
        if (look.narrow) look.side.value = false;
        focusSoon("composer");
      },
      search: () => {
        look.side.value = true;
        focusSoon("search");
      },
      focus: () => document.getElementById("composer")?.focus(),
      stop: () => chat.stop(),
      copy: () => {
        const last = chat.open.value.path.value.filter(({ message }) => message.role === "assistant" && message.text !== "").at(-1);
        if (last) void copyText(last.message.text).then((done) => toast({ text: done ? t("common.copied") : t("common.copyFailed") }));
      },
      edit: () => {
        const last = chat.open.value.path.value.filter(({ message }) => message.role === "user").at(-1);
        if (last) look.editing.value = last.message.id;
      },
      side: () => look.toggleSide(),
      help: () => (look.dialog.value = "keys"),
    };
    const pressed = (event: KeyboardEvent): void => {
      if (isComposing(event) || look.dialog.value !== "") return;
      const shortcut = SHORTCUTS.find((one) => one.matches(event));
      if (!shortcut) return;
      if (shortcut.verb !== "stop") event.preventDefault();
      verbs[shortcut.verb]();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
