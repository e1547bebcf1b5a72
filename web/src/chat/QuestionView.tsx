/* A question: as it was typed, with its files; editing it makes a branch. */
import type { VNode } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language";
import type { Branch } from "../store/tree";
import type { Message } from "../store/types";
import { Button, IconButton } from "../ui/Button";
import { isComposing, isSending } from "../ui/keys";
import { CopyButton } from "./AnswerView";
import { useChat } from "./context";
import { Files } from "./Files";
import { Versions } from "./Versions";

export function QuestionView({ branch }: { branch: Branch }): VNode {
  const { look } = useChat();
  const { message } = branch;
  const editing = look.editing.value === message.id;
  return (
    <article class="question" aria-label={t("msg.you")}>
      {message.attachments && message.attachments.length > 0 && <Files files={message.attachments} />}
      {editing ? (
        <Edit message={message} />
      ) : (
        <>
          {message.text !== "" && (
            <div class="question-text" dir="auto">
              {message.text}
            </div>
          )}
          <div class="below">
            <div class="below-actions">
              <Versions branch={branch} />
              <CopyButton text={message.text} />
              <IconButton icon="pen" label={t("msg.edit")} onClick={() => (look.editing.value = message.id)} />
            </div>
          </div>
        </>
      )}
    </article>
  );
}

function Edit({ message }: { message: Message }): VNode {
  const { chat, look } = useChat();
  const [text, setText] = useState(message.text);
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const element = field.current;
    element?.focus();
    element?.setSelectionRange(element.value.length, element.value.length);
  }, []);
  const close = (): void => {
    look.editing.value = "";
    look.toComposer();
  };
  const send = (): void => {
    if (text.trim() === "") return;
    close();
    chat.edit(message, text);
  };
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !isComposing(event)) {
          event.stopPropagation();
          close();
        } else if (isSending(event)) {
          event.preventDefault();
          send();
        }
      }}
    >
      <textarea
        ref={field}
        class="input"
        dir="auto"
        rows={Math.min(12, text.split("\n").length + 1)}
        aria-label={t("msg.editField")}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <p class="field-hint">{t("msg.editHint")}</p>
      <div class="dialog-actions">
        <Button look="plain" onClick={close}>
          {t("common.cancel")}
        </Button>
        <Button look="main" type="submit" disabled={text.trim() === ""}>
          {t("ask.send")}
        </Button>
      </div>
    </form>
  );
}
