/* Short news at the lower edge, with at most one thing to do about it. They go by themselves; those with an action stay longer, and none goes under a pointer or with the focus in it. */
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
}

interface Shown extends Toast {
  key: number;
  timer?: ReturnType<typeof setTimeout>;
}

const toasts = signal<readonly Shown[]>([]);
let keys = 0;

export function toast(news: Toast): void {
  const shown: Shown = { ...news, key: ++keys };
  toasts.value = [...toasts.value, shown].slice(-TOASTS_MAX);
  run(shown);
}

function run(shown: Shown): void {
  hold(shown);
  shown.timer = setTimeout(() => leave(shown), shown.action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
}

function hold({ timer }: Shown): void {
  clearTimeout(timer);
}

function leave(gone: Shown): void {
  hold(gone);
  toasts.value = toasts.value.filter((one) => one !== gone);
}

export function Toasts(): VNode {
  return (
    <div class="toasts" role="status">
      {toasts.value.map((one) => (
        <div key={one.key} class="toast" onPointerEnter={() => hold(one)} onPointerLeave={() => run(one)} onFocusIn={() => hold(one)} onFocusOut={() => run(one)}>
          <span dir="auto">{one.text}</span>
          {one.action ? <Button onClick={() => take(one)}>{one.action.label}</Button> : <IconButton icon="close" label={t("common.dismiss")} onClick={() => leave(one)} />}
        </div>
      ))}
    </div>
  );
}

function take(one: Shown): void {
  leave(one);
  one.action?.act();
}
