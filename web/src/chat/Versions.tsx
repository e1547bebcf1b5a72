/* ‹ 2/3 ›: the siblings of a question or an answer. */
import type { VNode } from "preact";
import { t } from "../i18n/language";
import type { Branch } from "../store/tree";
import { IconButton } from "../ui/Button";
import { useChat } from "./context";

export function Versions({ branch }: { branch: Branch }): VNode | null {
  const { chat } = useChat();
  const { siblings, index } = branch;
  if (siblings.length < 2) return null;
  const go = (to: number): void => {
    const sibling = siblings[to];
    if (sibling) chat.showVersion(sibling);
  };
  return (
    <div class="versions" role="group" aria-label={t("msg.versions", { index: index + 1, count: siblings.length })}>
      <IconButton icon="left" label={t("msg.older")} disabled={index === 0} onClick={() => go(index - 1)} />
      <span aria-hidden="true">
        {index + 1}/{siblings.length}
      </span>
      <IconButton icon="right" label={t("msg.newer")} disabled={index === siblings.length - 1} onClick={() => go(index + 1)} />
    </div>
  );
}
