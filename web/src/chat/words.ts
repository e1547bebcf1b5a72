/* What a refusal, a reduction or an end is called, for people. */
import type { Reduction, Refusal } from "../api/types";
import { reason, t } from "../i18n/language";
import type { MarkdownLabels } from "../markdown/types";
import type { Message } from "../store/types";
import type { FileRefusal } from "./attachments";
import { FILES_BYTES_MAX, FILES_MAX, FILE_BYTES_MAX } from "./attachments";
import { showBytes } from "./figures";

/* Our sentence for the code; the door's own where we have none, or where it says more than the code does. */
export function refusalText(refusal: Refusal): string {
  const ours = reason(refusal.code);
  if (ours !== null) return ours;
  return refusal.message === "" ? t("reason.unknown") : t("wait.doorSays", { text: refusal.message });
}

export function reductionText({ step, detail }: Reduction): string {
  if (step === "output") return t("less.output", { detail });
  if (step === "reasoning") return detail === "off" ? t("less.reasoningOff") : t("less.reasoning");
  if (step === "context") return t("less.context", { detail: detail.replace(/^-/, "") });
  if (step === "model") return detail === "" ? t("less.model") : t("less.modelNamed", { detail });
  return t("less.other", { detail: detail === "" ? step : `${step}: ${detail}` });
}

/* Null: it ended well, or is under way. */
export function endText(message: Message): string | null {
  if (message.finish === "stopped") return t("end.stopped");
  if (message.finish === "length") return endAtLength(message);
  if (message.finish === "cut") return t("end.cut");
  if (message.finish === "other") return t("end.other");
  if (message.finish === "broken") return message.text === "" ? t("end.none") : t("end.broken");
  return message.finish === "stop" && message.text === "" ? t("msg.empty") : null;
}

function endAtLength({ reductions = [] }: Message): string {
  const output = reductions.find(({ step }) => step === "output");
  return output ? t("end.reduced", { detail: output.detail }) : t("end.length");
}

export function fileRefusalText(refusal: FileRefusal): string {
  if (refusal.why === "binary") return t("ask.binary", { name: refusal.name });
  if (refusal.why === "unreadable") return t("ask.unreadable", { name: refusal.name });
  if (refusal.why === "large") return t("ask.large", { name: refusal.name, size: showBytes(refusal.bytes), limit: showBytes(FILE_BYTES_MAX) });
  if (refusal.why === "total") return t("ask.total", { name: refusal.name, limit: showBytes(FILES_BYTES_MAX) });
  return t("ask.many", { count: FILES_MAX });
}

/* One object for each language: blocks draw themselves again when it is another one. */
const labels = new Map<string, MarkdownLabels>();

export function markdownLabels(): MarkdownLabels {
  const made: MarkdownLabels = {
    copy: t("common.copy"),
    copied: t("common.copied"),
    copyFailed: t("common.copyFailed"),
    code: t("md.code"),
    table: t("md.table"),
    picture: t("md.picture"),
    leadsTo: t("md.leadsTo"),
    brokenMaths: t("md.brokenMaths"),
    taskDone: t("md.taskDone"),
    taskOpen: t("md.taskOpen"),
  };
  const known = labels.get(made.copy);
  if (!known) labels.set(made.copy, made);
  return known ?? made;
}
