/* A sentence that stays where it belongs, with what can be done about it. */
import type { ComponentChildren, VNode } from "preact";

export interface NoticeProps {
  look?: "warn" | "danger";
  lead?: ComponentChildren; /* before the text: a Swell */
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Notice({ look, lead, actions, children }: NoticeProps): VNode {
  return (
    <div class={look ? `notice notice-${look}` : "notice"}>
      {lead}
      <div class="notice-body">
        {children}
        {actions && <div class="notice-actions">{actions}</div>}
      </div>
    </div>
  );
}
