/* Files out of the page and into it. */
import { t } from "../i18n/language";
import { createTransfer } from "../store/transfer";
import { TransferError, type Conversation, type ConversationStore } from "../store/types";
import { toast } from "../ui/toasts";

const URL_KEPT_MS = 60_000;

export async function exportJson(store: ConversationStore, ids: string[], name: string): Promise<void> {
  download(await createTransfer(store).toJson(ids), fileName(name, "json"));
}

export async function exportMarkdown(store: ConversationStore, conversation: Conversation): Promise<void> {
  download(await createTransfer(store).toMarkdown(conversation.id), fileName(conversation.title, "md"));
}

/* A name that every file system takes. */
export function fileName(title: string, ending: string): string {
  const safe = title.replace(/[\p{Cc}\p{Cf}<>:"/\\|?*]+/gu, " ").replace(/\s+/g, " ").trim().slice(0, 60).replace(/[. ]+$/, "");
  return `${safe === "" ? "conversation" : safe}.${ending}`;
}

function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), URL_KEPT_MS);
}

/* Says what became of each file. */
export async function importFiles(store: ConversationStore, files: readonly File[]): Promise<void> {
  const transfer = createTransfer(store);
  for (const file of files) {
    try {
      const markdown = /\.(md|markdown)$/i.test(file.name);
      const { conversations } = await (markdown ? transfer.fromMarkdown(file) : transfer.fromJson(file));
      toast({ text: t("side.imported", { count: conversations }) });
    } catch (error) {
      if (!(error instanceof TransferError)) throw error;
      toast({ text: t("side.importFailed", { name: file.name, why: whyOf(error) }) });
    }
  }
}

function whyOf(error: TransferError): string {
  return error.code === "malformed" ? t("import.malformed", { detail: error.message }) : t(`import.${error.code}`);
}
