/* Signing out, and what becomes of the conversations: they belong to the browser, not to the key, so this is asked. */
import type { VNode } from "preact";
import { t } from "../i18n/language";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { useChat } from "./context";

export function SignOutDialog(): VNode {
  const { chat, look } = useChat();
  const signOut = async (erase: boolean): Promise<void> => {
    look.dialog.value = "";
    if (look.narrow) look.side.value = false;
    if (erase) await chat.removeAll();
    await chat.signOut();
  };
  return (
    <Dialog title={t("out.title")} onClose={() => (look.dialog.value = "")}>
      <p>{t("out.text")}</p>
      <div class="dialog-actions dialog-column">
        <Button look="main" onClick={() => void signOut(false)}>
          {t("out.keep")}
        </Button>
        <Button look="danger" onClick={() => void signOut(true)}>
          {t("out.erase")}
        </Button>
        <Button look="plain" onClick={() => (look.dialog.value = "")}>
          {t("common.cancel")}
        </Button>
      </div>
    </Dialog>
  );
}
