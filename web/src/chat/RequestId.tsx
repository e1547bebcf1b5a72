/* The id under which the service knows a request that it refused, to be told to who looks after it. */
import type { VNode } from "preact";
import { t } from "../i18n/language";
import { copyText } from "../markdown/copy";
import { toast } from "../ui/toasts";

export function RequestId({ id }: { id: string }): VNode | null {
  if (id === "") return null;
  const copy = (): void => void copyText(id).then((done) => toast({ text: done ? t("common.copied") : t("common.copyFailed") }));
  return (
    <p class="request-id">
      <span>{t("wait.request", { id })}</span>
      <button type="button" class="text-button" aria-label={t("wait.copyRequest")} onClick={copy}>
        {t("common.copy")}
      </button>
    </p>
  );
}
