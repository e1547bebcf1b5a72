/* Before the next drawing; a hidden page draws nothing, so there it is soon. */
const HIDDEN_MS = 250;

export function onFrame(draw: () => void): void {
  if (document.hidden) setTimeout(draw, HIDDEN_MS);
  else requestAnimationFrame(draw);
}
