/* A key that lives as long as its tab (sessionStorage); where that is denied, as long as its page. Never throws. */
import type { KeyKeeper } from "./types";

const ENTRY = "seawall-key";

export function keyOfTab(storage: () => Storage): KeyKeeper {
  return {
    read() {
      try {
        return storage().getItem(ENTRY) ?? "";
      } catch {
        return "";
      }
    },
    write(key) {
      try {
        if (key === "") storage().removeItem(ENTRY);
        else storage().setItem(ENTRY, key);
      } catch {
        /* denied: the session has it in memory */
      }
    },
  };
}
