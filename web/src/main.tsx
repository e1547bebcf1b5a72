/*
 * Where the pages begin: settings of this browser first (so that nothing flashes in the wrong language or colour), then the services, then the page of the
 * address into #app. A sign-in link is taken out of the address before anything else.
 */
import { signal } from "@preact/signals";
import { render } from "preact";
import { createClient } from "./api/client";
import { ApiError } from "./api/types";
import { Chat } from "./chat/chat";
import { signingInByLink } from "./chat/ChatRoute";
import { ChatProvider, Look } from "./chat/context";
import { onFrame } from "./chat/frames";
import { extras, talk } from "./chat/pieces";
import { followViewport } from "./chat/viewport";
import { chooseLanguage } from "./i18n/language";
import { navigate, Routes } from "./routes";
import { exchangeLink, takeLinkToken } from "./session/link";
import { Session } from "./session/session";
import { readSite, siteOf } from "./session/site";
import type { SiteInfo } from "./session/types";
import { keyOfTab } from "./session/tab";
import { createConversationStore } from "./store/conversations";
import { createSettings } from "./store/settings";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/ui.css";
import "./styles/markdown.css";
import "./styles/chat.css";
import "./styles/side.css";
import "./styles/composer.css";
import "./styles/print.css";
import { applyTheme } from "./ui/theme";

/* Who has no key sees nothing for so long at most until the service has said whether one is needed: the sign-in is then drawn first, not second. */
const SITE_WAIT_MS = 500;

const token = takeLinkToken(location, history);
const settings = createSettings();
chooseLanguage(settings.get().language);
applyTheme(settings.get().theme);
followViewport();

const session = new Session({ read: () => settings.get().key, write: (key) => void settings.set({ key }) }, keyOfTab(() => sessionStorage));
const site = signal(siteOf(null));
const store = createConversationStore();
const services = {
  client: createClient({ base: "", key: () => session.key.value, answer: () => talk.now.Answer }),
  store,
  session,
  settings,
  site,
};
const look = new Look();
const chat = new Chat(services, (id) => navigate(id === null ? "/chat" : `/chat/${id}`));

async function signInByLink(once: string): Promise<void> {
  signingInByLink.value = true;
  try {
    const key = await exchangeLink(once);
    await session.signIn(key, session.kept.value, () => services.client.models());
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    session.askAgain(error.refusal);
  } finally {
    signingInByLink.value = false;
  }
}

async function begin(reading: Promise<SiteInfo>): Promise<void> {
  const listing = chat.list();
  if (token !== null) await signInByLink(token);
  site.value = await reading;
  if (site.value.reached && site.value.keyRequired && session.key.value === "") session.asked.value = true;
  else await Promise.all([listing.then(() => chat.pickUpAll()), chat.loadModels()]);
  await listing;
}

/* When the first view has been painted, what will be wanted soonest first. The service worker fetches all files for later. */
async function loadRest(): Promise<void> {
  await talk.load();
  await extras.load();
  if ("serviceWorker" in navigator && import.meta.env.PROD) await navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}

/* Who signs out in one tab is out in all that have the key from this browser. */
addEventListener("storage", () => {
  if (settings.readAgain().key === "" && session.kept.value) void chat.signOut();
});

/* A link that is opened in a tab where the page is already. */
addEventListener("hashchange", () => {
  const once = takeLinkToken(location, history);
  if (once !== null) void signInByLink(once).then(() => (session.key.value === "" ? undefined : chat.signedIn()));
});

const app = document.getElementById("app");
if (app) {
  const page = (
    <ChatProvider value={{ chat, look, navigate }}>
      <Routes />
    </ChatProvider>
  );
  const reading = readSite();
  void begin(reading);
  const draw = (): void => {
    render(page, app);
    onFrame(() => setTimeout(() => void loadRest()));
  };
  if (session.key.value !== "" || token !== null) draw();
  else void Promise.race([reading, new Promise((late) => setTimeout(late, SITE_WAIT_MS))]).then(draw);
}
