/* Short news at the lower edge, with at most one thing to do about it. They go by themselves; those with an action stay longer. */
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { t } from "../i18n/language";
import { Button, IconButton } from "./Button";

const SHOWN_MS = 4_000;
const SHOWN_WITH_ACTION_MS = 8_000;
const TOASTS_MAX = 3;

export interface Toast {
  text: string;
  action?: { label: string; act: () => void };
  onGone?: () => void; /* it went without its action */
}

interface Shown extends Toast {
  key: number;
  timer: ReturnType<typeof setTimeout>;
}

const toasts = signal<readonly Shown[]>([]);
let keys = 0;

export function toast(news: Toast): void {
  const key = ++keys;
  const timer = setTimeout(() => leave(key, false), news.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
  toasts.value = [...toasts.value, { ...news, key, timer }];
  for (const old of toasts.value.slice(0, -TOASTS_MAX)) leave(old.key, false);
}

function leave(key: number, acted: boolean): void {
  const gone = toasts.value.find((one) => one.key === key);
  if (!gone) return;
  clearTimeout(gone.timer);
  toasts.value = toasts.value.filter((one) => one !== gone);
  if (acted) gone.action?.act();
  else gone.onGone?.();
}

export function Toasts(): VNode {
  return (
    <div class="toasts" role="status">
      {toasts.value.map((one) => (
        <div key={one.key} class="toast">
          <span dir="auto">{one.text}</span>
          {one.action && <Button onClick={() => leave(one.key, true)}>{one.action.label}</Button>}
          {!one.action && <IconButton icon="close" label={t("common.dismiss")} onClick={() => leave(one.key, false)} />}
        </div>
      ))}
    </div>
  );
}
