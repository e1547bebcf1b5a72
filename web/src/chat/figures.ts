/* Times, sizes and rates as people read them, in their language. */
import { showNumber, t } from "../i18n/language";
import type { Message } from "../store/types";

export function showTime(ms: number): string {
  const seconds = ms / 1000;
  if (ms < 100) return t("time.ms", { n: showNumber(ms, 0) });
  if (seconds < 10) return t("time.s", { n: showNumber(seconds, 1) });
  if (seconds < 60) return t("time.s", { n: showNumber(seconds, 0) });
  const minutes = Math.floor(seconds / 60);
  const rest = Math.round(seconds - 60 * minutes);
  return rest === 0 || rest === 60 ? t("time.min", { n: minutes + (rest === 60 ? 1 : 0) }) : t("time.minS", { m: minutes, s: rest });
}

/* A time to come: rounded up, never "0 s". */
export function showCountdown(ms: number): string {
  return showTime(Math.max(1, Math.ceil(ms / 1000)) * 1000);
}

export function showBytes(bytes: number): string {
  if (bytes < 1024) return `${showNumber(bytes, 0)} B`;
  if (bytes < 1024 * 1024) return `${showNumber(bytes / 1024, 0)} KB`;
  return `${showNumber(bytes / 1024 / 1024, 1)} MB`;
}

/* What stands below an answer; only what was measured. */
export function figuresOf(message: Message): string[] {
  const shown: string[] = [];
  const { usage, firstTokenMs, totalMs, waitedMs = 0 } = message;
  const writingMs = (totalMs ?? 0) - (firstTokenMs ?? 0) - waitedMs;
  if (message.model) shown.push(message.model);
  if (usage && usage.completionTokens > 0) shown.push(t("fig.tokens", { count: usage.completionTokens }));
  if (firstTokenMs !== undefined) shown.push(t("fig.first", { time: showTime(firstTokenMs) }));
  if (usage && firstTokenMs !== undefined && usage.completionTokens > 1 && writingMs > 0) {
    const rate = ((usage.completionTokens - 1) * 1000) / writingMs;
    shown.push(t("fig.rate", { rate: showNumber(rate, rate < 100 ? 1 : 0) }));
  }
  if (totalMs !== undefined) shown.push(t("fig.total", { time: showTime(totalMs) }));
  return shown;
}
