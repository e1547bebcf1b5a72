/*
 * Which tab writes an answer: a lock of the browser, held from its beginning to its end, so that two tabs never come back for the same one. Where there are
 * no locks (a page without TLS) everyone may.
 */
const nameOf = (messageId: string): string => `seawall-answer-${messageId}`;

/* Resolves to a function that lets go, or to null when another tab has it. */
export function holdAnswer(messageId: string): Promise<(() => void) | null> {
  const { locks } = navigator;
  if (!locks) return Promise.resolve(() => undefined);
  return new Promise((resolve) => {
    locks
      .request(nameOf(messageId), { ifAvailable: true }, (lock) => {
        if (!lock) {
          resolve(null);
          return undefined;
        }
        return new Promise<void>((letGo) => resolve(letGo));
      })
      .catch(() => resolve(() => undefined));
  });
}
