/* Which address is which page. A page is a row: what its addresses begin with, and how it is drawn; the rest of the address is its own. */
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { ChatRoute } from "./chat/ChatRoute";
import { t } from "./i18n/language";

const address = signal(location.pathname);
addEventListener("popstate", () => (address.value = location.pathname));

export function navigate(path: string): void {
  if (path !== location.pathname) history.pushState(null, "", path);
  address.value = path;
}

interface Page {
  matches: RegExp; /* its first group is the rest */
  draw: (rest: string) => VNode;
}

const PAGES: readonly Page[] = [{ matches: /^\/(?:chat(?:\/([\w-]*))?)?$/, draw: (rest) => <ChatRoute id={rest === "" ? null : rest} /> }];

export function Routes(): VNode {
  for (const page of PAGES) {
    const match = page.matches.exec(address.value);
    if (match) return page.draw(match[1] ?? "");
  }
  return <Nowhere />;
}

function Nowhere(): VNode {
  return (
    <main class="sign">
      <div class="sign-card">
        <h1 class="sign-title">{t("app.noPage")}</h1>
        <a href="/chat">{t("app.toChat")}</a>
      </div>
    </main>
  );
}
