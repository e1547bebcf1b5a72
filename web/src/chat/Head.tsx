/* Above a conversation: the list's button, the model, the settings. */
import type { VNode } from "preact";
import { t } from "../i18n/language";
import { IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Menu } from "../ui/Menu";
import { useChat } from "./context";

export function Head(): VNode {
  const { look, navigate, chat } = useChat();
  const shown = look.side.value;
  const { conversation } = chat.open.value;
  const { systemPrompt, sampling } = conversation.value;
  const own = systemPrompt.trim() !== "" || Object.keys(sampling).length > 0;
  return (
    <header class="head">
      <IconButton icon="side" class={shown ? "head-side head-side-shown" : "head-side"} label={t("side.open")} aria-expanded={shown} onClick={() => look.toggleSide()} />
      <ModelMenu />
      <span class="head-space" />
      <IconButton icon="sliders" class={own ? "head-own" : ""} label={t("head.settings")} onClick={() => (look.dialog.value = "settings")} />
      <IconButton icon="plus" class="head-new" label={t("side.new")} onClick={() => navigate("/chat")} />
    </header>
  );
}

function ModelMenu(): VNode {
  const { chat } = useChat();
  const models = chat.models.value;
  const now = chat.modelOf(chat.open.value.conversation.value);
  const name = now === "" ? t("head.noModel") : now;
  return (
    <Menu
      label={`${t("head.model")}: ${name}`}
      class="button button-plain model"
      disabled={models.length === 0}
      entries={() => models.map((model) => ({ label: model, checked: model === now, act: () => chat.chooseModel(model) }))}
    >
      <span class="model-name" dir="auto">
        {name}
      </span>
      <Icon name="chevron" />
    </Menu>
  );
}
