/* What belongs to no conversation: language, appearance, files, shortcuts, signing out. */
import type { VNode } from "preact";
import { useRef } from "preact/hooks";
import { chooseLanguage, LANGUAGES, language, t } from "../i18n/language";
import { Icon } from "../ui/Icon";
import { Menu, type MenuEntry } from "../ui/Menu";
import { applyTheme, type Theme } from "../ui/theme";
import { useChat } from "./context";
import { extras } from "./pieces";

export function MoreMenu(): VNode {
  const { chat, look } = useChat();
  const { services } = chat;
  const picker = useRef<HTMLInputElement>(null);
  return (
    <>
      <Menu label={t("side.more")} class="button button-plain more" entries={() => [...languages(), ...themes(), { kind: "line" }, ...files(), { kind: "line" }, ...rest()]}>
        <Icon name="sliders" />
        {t("side.more")}
      </Menu>
      <input
        ref={picker}
        type="file"
        accept=".json,.md,.markdown"
        multiple
        hidden
        onChange={(event) => {
          const input = event.currentTarget;
          const files = [...(input.files ?? [])];
          input.value = "";
          void extras
            .load()
            .then((here) => here?.importFiles(services.store, files))
            .then(() => chat.list());
        }}
      />
    </>
  );

  function languages(): MenuEntry[] {
    const choose = (code: "en" | "zh") => () => {
      services.settings.set({ language: code });
      chooseLanguage(code);
    };
    return [
      { kind: "heading", label: t("menu.language") },
      ...LANGUAGES.map(({ code, name }) => ({ label: name, checked: language() === code, act: choose(code) })),
    ];
  }

  function themes(): MenuEntry[] {
    const now = services.settings.get().theme;
    const row = (theme: Theme, label: string): MenuEntry => ({
      label,
      checked: now === theme,
      act: () => {
        services.settings.set({ theme });
        applyTheme(theme);
      },
    });
    return [
      { kind: "heading", label: t("menu.theme") },
      row("", t("menu.themeSystem")),
      row("light", t("menu.themeLight")),
      row("dark", t("menu.themeDark")),
    ];
  }

  function files(): MenuEntry[] {
    const ids = chat.conversations.value.map(({ id }) => id);
    const all: MenuEntry = { label: t("side.exportAll"), icon: "out", act: () => void extras.load().then((here) => here?.exportJson(services.store, ids, t("side.title"))) };
    const into: MenuEntry = { label: t("side.import"), icon: "into", act: () => picker.current?.click() };
    return ids.length > 0 ? [all, into] : [into];
  }

  function rest(): MenuEntry[] {
    const keys: MenuEntry = { label: t("menu.shortcuts"), icon: "keyboard", act: () => (look.dialog.value = "keys") };
    if (services.session.key.value !== "") return [keys, { label: t("menu.signOut"), icon: "door", act: () => (look.dialog.value = "signOut") }];
    return [keys, { label: t("menu.signIn"), icon: "key", act: () => services.session.askAgain(null) }];
  }
}
