/* What a key means while somebody writes. */

/* An input method has this key. Safari tells the one that ends a composition after its end, and as number 229. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

/* Written with a finger, on a keyboard that has no Shift+Enter. */
export function isTouch(): boolean {
  return matchMedia("(pointer: coarse)").matches;
}

/* Whether a key sends what stands in a field of several lines. Enter does; where it is a finger's it begins a line, as in a phone's other apps, and Ctrl or Cmd with it sends. */
export function isSending(event: KeyboardEvent): boolean {
  if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return false;
  return event.ctrlKey || event.metaKey || !isTouch();
}
