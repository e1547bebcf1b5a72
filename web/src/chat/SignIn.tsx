/* The first view where a key is needed: a key, whether it stays, and what to do about one that is not taken. */
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language";
import { Button } from "../ui/Button";
import { Field } from "../ui/Field";
import { Mark, Swell } from "../ui/Icon";
import { useChat } from "./context";
import { RequestId } from "./RequestId";
import { refusalText } from "./words";

export function SignIn({ byLink }: { byLink: boolean }): VNode {
  const { chat } = useChat();
  const { session, site } = chat.services;
  const service = site.value.name;
  return (
    <main class="sign">
      <div class="sign-card">
        <p class="brand">
          <Mark />
          <span dir="auto">{service}</span>
        </p>
        <h1 class="sign-title">{t("sign.title")}</h1>
        {byLink ? (
          <p class="wait" role="status">
            <Swell />
            {t("sign.link")}
          </p>
        ) : (
          <KeyForm />
        )}
        {!byLink && (session.key.value !== "" || !site.value.keyRequired || chat.conversations.value.length > 0) && (
          <Button look="plain" onClick={() => (session.asked.value = false)}>
            {t("sign.back")}
          </Button>
        )}
      </div>
    </main>
  );
}

function KeyForm(): VNode {
  const { chat } = useChat();
  const { session } = chat.services;
  const [key, setKey] = useState("");
  const [shown, setShown] = useState(false);
  const [keep, setKeep] = useState(session.kept.value);
  const [busy, setBusy] = useState(false);
  const [missing, setMissing] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const trouble = session.trouble.value;
  const error = missing ? t("sign.missing") : trouble ? refusalText(trouble) : undefined;
  const signIn = async (): Promise<void> => {
    setMissing(key.trim() === "");
    if (key.trim() === "" || busy) return;
    setBusy(true);
    try {
      const result = await session.signIn(key, keep, () => chat.services.client.models());
      if (result.ok) await chat.signedIn();
      else field.current?.select();
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      class="sign-form"
      onSubmit={(event) => {
        event.preventDefault();
        void signIn();
      }}
    >
      <p>{t("sign.text")}</p>
      <Field
        label={t("sign.key")}
        error={error}
        control={(ids) => (
          <span class="key-field">
            <input
              {...ids}
              ref={field}
              class="input"
              type={shown ? "text" : "password"}
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              placeholder="sk-…"
              value={key}
              onInput={(event) => {
                setKey(event.currentTarget.value);
                setMissing(false);
              }}
            />
            <button type="button" class="text-button" aria-pressed={shown} onClick={() => setShown(!shown)}>
              {shown ? t("sign.hideKey") : t("sign.show")}
            </button>
          </span>
        )}
      />
      {trouble && <RequestId id={trouble.requestId} />}
      <label class="check">
        <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
        <span>
          {t("sign.keep")}
          <span class="field-hint sign-hint">{t("sign.keepHint")}</span>
        </span>
      </label>
      <Button look="main" type="submit" disabled={busy}>
        {busy ? t("sign.checking") : t("sign.go")}
      </Button>
    </form>
  );
}
