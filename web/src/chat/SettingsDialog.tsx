/* The system prompt and how the model chooses its words, of one conversation. Every valid change is kept at once; what is not valid says why and is not. */
import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Sampling } from "../api/types";
import { t } from "../i18n/language";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { useChat } from "./context";
import { readField, SAMPLING_FIELDS, type SamplingField, type Typed } from "./sampling";

const PROMPT_CHARS_MAX = 32_000;

export function SettingsDialog(): VNode {
  const { chat, look } = useChat();
  const { value: conversation } = chat.open.value.conversation;
  const [resets, setResets] = useState(0);
  const reset = (): void => {
    chat.configure({ systemPrompt: "", sampling: {} });
    setResets(resets + 1);
  };
  return (
    <Dialog title={t("set.title")} onClose={() => (look.dialog.value = "")}>
      <Field
        label={t("set.prompt")}
        hint={t("set.promptHint")}
        control={(ids) => (
          <textarea
            {...ids}
            class="input"
            dir="auto"
            rows={4}
            maxLength={PROMPT_CHARS_MAX}
            value={conversation.systemPrompt}
            onInput={(event) => chat.configure({ systemPrompt: event.currentTarget.value, sampling: conversation.sampling })}
          />
        )}
      />
      <fieldset key={resets} class="sampling">
        <legend class="field-label">{t("set.sampling")}</legend>
        {SAMPLING_FIELDS.map((field) => (
          <SamplingInput key={field.name} field={field} />
        ))}
      </fieldset>
      <div class="dialog-actions">
        <Button look="plain" icon="again" onClick={reset}>
          {t("set.reset")}
        </Button>
        <Button look="main" onClick={() => (look.dialog.value = "")}>
          {t("common.close")}
        </Button>
      </div>
    </Dialog>
  );
}

function SamplingInput({ field }: { field: SamplingField }): VNode {
  const { chat } = useChat();
  const { value: conversation } = chat.open.value.conversation;
  const [typed, setTyped] = useState(() => String(conversation.sampling[field.name] ?? ""));
  const { label, hint } = wordsOf(field.name);
  const change = (to: string): void => {
    setTyped(to);
    const read = readField(field, to);
    if (!read.ok) return;
    const sampling: Sampling = { ...conversation.sampling };
    if (read.value === undefined) delete sampling[field.name];
    else sampling[field.name] = read.value;
    chat.configure({ systemPrompt: conversation.systemPrompt, sampling });
  };
  return (
    <Field
      label={label}
      hint={hint}
      error={errorOf(field, readField(field, typed))}
      control={(ids) => (
        <input
          {...ids}
          class="input"
          inputMode={field.whole ? "numeric" : "decimal"}
          autocomplete="off"
          placeholder={t("set.unset")}
          value={typed}
          onInput={(event) => change(event.currentTarget.value)}
        />
      )}
    />
  );
}

function wordsOf(name: keyof Sampling): { label: string; hint: string } {
  if (name === "temperature") return { label: t("set.temperature"), hint: t("set.temperatureHint") };
  if (name === "top_p") return { label: t("set.topP"), hint: t("set.topPHint") };
  if (name === "max_tokens") return { label: t("set.maxTokens"), hint: t("set.maxTokensHint") };
  return { label: t("set.seed"), hint: t("set.seedHint") };
}

function errorOf(field: SamplingField, read: Typed): string | undefined {
  if (read.ok) return undefined;
  if (read.why === "number") return t("set.badNumber");
  return read.why === "whole" ? t("set.badWhole") : t("set.badRange", { low: field.low, high: field.high });
}
