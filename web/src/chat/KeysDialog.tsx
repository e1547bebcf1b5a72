/* The keyboard, listed. */
import type { VNode } from "preact";
import { t } from "../i18n/language";
import { Dialog } from "../ui/Dialog";
import { isTouch } from "../ui/keys";
import { useChat } from "./context";
import { SHORTCUTS } from "./shortcuts";

const MOD = /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";

export function KeysDialog(): VNode {
  const { look } = useChat();
  return (
    <Dialog title={t("keys.title")} onClose={() => (look.dialog.value = "")}>
      <dl class="keys">
        {SHORTCUTS.map(({ verb, says, keys }) => (
          <Row key={verb} says={t(says)} keys={keys} />
        ))}
        <Row says={t("keys.end")} keys={["End"]} />
        <Row says={t("keys.send")} keys={isTouch() ? ["Mod", "Enter"] : ["Enter"]} />
        <Row says={t("keys.line")} keys={isTouch() ? ["Enter"] : ["Shift", "Enter"]} />
      </dl>
    </Dialog>
  );
}

function Row({ says, keys }: { says: string; keys: readonly string[] }): VNode {
  return (
    <div>
      <dt>{says}</dt>
      <dd>
        {keys.map((key) => (
          <kbd key={key}>{key === "Mod" ? MOD : key}</kbd>
        ))}
      </dd>
    </div>
  );
}
