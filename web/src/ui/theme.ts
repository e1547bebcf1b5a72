/* Light, dark, or what the system says: an attribute on the document that tokens.css reads, and the colour of the browser's own frame. */
export type Theme = "" | "light" | "dark";

export function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  if (theme === "") delete root.dataset.theme;
  else root.dataset.theme = theme;
  const frame = document.querySelector<HTMLMetaElement>('meta[name="theme-color"]');
  if (frame) frame.content = getComputedStyle(root).getPropertyValue("--color-surface").trim();
}
