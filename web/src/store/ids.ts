/* Names for conversations and messages: the time, and chance enough that two never meet in one browser. */
export function newId(): string {
  const chance = (): string => Math.floor(Math.random() * 2 ** 48).toString(36);
  return `${Date.now().toString(36)}-${chance()}${chance()}`;
}
