/*
 * Where a question is written: grows with its text, sends at Enter (ui/keys.ts says when), takes text files by button, drop and paste, and keeps its draft over
 * a reload, files too.
 */
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language";
import type { Attachment } from "../store/types";
import { IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { isSending, isTouch } from "../ui/keys";
import { takeFiles } from "./attachments";
import { NEW_DRAFT } from "./chat";
import { useChat } from "./context";
import { showBytes } from "./figures";
import { Files } from "./Files";
import { fileRefusalText } from "./words";

const HEIGHT_PX_MAX = 240;

export function Composer(): VNode {
  const { chat } = useChat();
  const { value: open } = chat.open;
  const { id } = open.conversation.value;
  return <Field key={id} draftId={open.listed ? id : NEW_DRAFT} />;
}

function Field({ draftId }: { draftId: string }): VNode {
  const { chat, look } = useChat();
  const { store } = chat.services;
  const [text, setText] = useState("");
  const [files, setFiles] = useState<readonly Attachment[]>([]);
  const [troubles, setTroubles] = useState<readonly string[]>([]);
  const [over, setOver] = useState(false);
  const now = useRef({ text, files, sent: false });
  Object.assign(now.current, { text, files });
  const taking = useRef(Promise.resolve());
  const field = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const answer = chat.current.value;
  const empty = text.trim() === "" && files.length === 0;

  useEffect(() => {
    void store.draft(draftId).then((draft) => {
      if (now.current.sent) return;
      setText((typed) => (typed === "" ? draft.text : typed));
      setFiles((attached) => (attached.length === 0 ? draft.files : attached));
    });
    if (!look.narrow) field.current?.focus();
  }, []);
  useLayoutEffect(() => fit(field.current), [text]);

  const write = (to: string): void => {
    setText((now.current.text = to));
    store.saveDraft(draftId, to);
  };
  const attach = (to: readonly Attachment[]): void => {
    setFiles((now.current.files = to));
    void store.saveDraftFiles(draftId, to).then((kept) => {
      if (!kept && to.length > 0 && store.state !== "denied") setTroubles((now) => [...now, t("ask.filesNotKept")]);
    });
  };
  /* One after the other: those that are dropped while others are read come behind them. */
  const take = (list: FileList | null): Promise<void> => {
    const dropped = [...(list ?? [])];
    return (taking.current = taking.current.then(async () => {
      if (dropped.length === 0) return;
      const taken = await takeFiles(dropped, now.current.files);
      attach(taken.attachments);
      setTroubles(taken.refusals.map(fileRefusalText));
      field.current?.focus();
    }));
  };
  const send = (): void => {
    if (empty || answer) return;
    const limit = chat.tooLong(text, files);
    if (limit !== null) return setTroubles([t("ask.tooLong", { limit: showBytes(limit) })]);
    const { id } = chat.open.value.conversation.value;
    void chat.send(text, files).then((sent) => (sent ? sentTo(id) : giveBack()));
    now.current = { text: "", files: [], sent: true };
    setText("");
    setFiles([]);
    setTroubles([]);
  };
  /* The draft is kept until its question is: it may wait for the rest of the page. What was typed and attached meanwhile is the conversation's next one. */
  const sentTo = (id: string): void => {
    const next = now.current;
    if (id !== draftId) store.saveDraft(draftId, "");
    if (id !== draftId && files.length > 0) void store.saveDraftFiles(draftId, []);
    store.saveDraft(id, next.text);
    if (files.length + next.files.length > 0) void store.saveDraftFiles(id, next.files);
  };
  /* It could not be sent; what was typed and attached meanwhile stands behind it. */
  const giveBack = (): void => {
    write(text + now.current.text);
    attach([...files, ...now.current.files]);
  };

  return (
    <form
      class={over ? "composer composer-over" : "composer"}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer?.files ?? null);
      }}
    >
      {troubles.length > 0 && (
        <div class="composer-troubles" role="alert">
          {troubles.map((trouble) => (
            <p key={trouble}>{trouble}</p>
          ))}
          <IconButton icon="close" label={t("common.dismiss")} onClick={() => setTroubles([])} />
        </div>
      )}
      <div class="composer-box">
        {over && <div class="composer-drop">{t("ask.drop")}</div>}
        {files.length > 0 && <Files files={files} onRemove={(index) => attach(files.filter((_, at) => at !== index))} />}
        <textarea
          ref={field}
          id="composer"
          class="composer-field"
          rows={1}
          dir="auto"
          aria-label={t("ask.label")}
          placeholder={t("ask.placeholder")}
          enterkeyhint={isTouch() ? "enter" : "send"}
          value={text}
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (!isSending(event)) return;
            event.preventDefault();
            send();
          }}
          onPaste={(event) => {
            if (!event.clipboardData?.files.length) return;
            event.preventDefault();
            void take(event.clipboardData.files);
          }}
        />
        <div class="composer-row">
          <IconButton icon="clip" label={t("ask.attach")} onClick={() => picker.current?.click()} />
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            onChange={(event) => {
              const input = event.currentTarget;
              void take(input.files).then(() => (input.value = ""));
            }}
          />
          {answer ? ( /* not by the second half of a double click that sent */
            <button type="button" class="round" aria-label={t("ask.stop")} title={t("ask.stop")} onClick={(event) => event.detail < 2 && chat.stop()}>
              <Icon name="stop" />
            </button>
          ) : (
            <button type="submit" class="round" aria-label={t("ask.send")} title={t("ask.send")} disabled={empty}>
              <Icon name="send" />
            </button>
          )}
        </div>
      </div>
      <p class="composer-hint">
        <span class="composer-keys">{t("ask.keys")}</span> {t("ask.care")}
      </p>
    </form>
  );
}

function fit(field: HTMLTextAreaElement | null): void {
  if (!field) return;
  field.style.height = "auto";
  if (field.value === "") return; /* one line, and nothing to ask the layout */
  field.style.height = `${Math.min(field.scrollHeight, HEIGHT_PX_MAX)}px`;
}
