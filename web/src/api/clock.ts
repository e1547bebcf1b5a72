/*
 * Time, chance and the network's coming back, as one thing that a test can play.
 */

export interface Clock {
  now(): number; /* Date.now() */
  random(): number; /* 0 to 1 */
  online(): boolean;
  /* Ends after `ms`, at `signal`, or with `wakeOnline` as soon as the browser says that the network is back. Never throws. */
  wait(ms: number, signal: AbortSignal, wakeOnline: boolean): Promise<void>;
}

export const browserClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  online: () => typeof navigator === "undefined" || navigator.onLine !== false,
  wait(ms, signal, wakeOnline) {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        if (wakeOnline) globalThis.removeEventListener?.("online", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
      if (wakeOnline) globalThis.addEventListener?.("online", done);
    });
  },
};
