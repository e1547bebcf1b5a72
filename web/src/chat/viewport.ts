/*
 * The height that a phone's keyboard leaves. Chromium shrinks the page itself (interactive-widget in index.html); where the keyboard only lies over it, the
 * visual viewport says how much is left, and the page is made so high.
 */
export function followViewport(): void {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = (): void => {
    if (viewport.scale !== 1) return; /* the reader has zoomed in */
    document.documentElement.style.setProperty("--view-height", `${viewport.height}px`);
    if (scrollY > 0) scrollTo(0, 0);
  };
  viewport.addEventListener("resize", fit);
  fit();
}
