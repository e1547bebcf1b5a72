/*
 * The database "seawall" of this browser, by hand: opening with its upgrades, and requests as promises.
 *
 * Version 1: `conversations` by id; `messages` by id, with the index `of` by conversation; `drafts` by conversation, their files beside them.
 * A later version appends a function to UPGRADES, and never changes an earlier one.
 */

export const DB_NAME = "seawall";
/* Another tab with an older page may hold the database: we do not wait for ever. */
const OPEN_MS_MAX = 5_000;

export type StoreName = "conversations" | "messages" | "drafts";

const UPGRADES: ((db: IDBDatabase) => void)[] = [
  (db) => {
    db.createObjectStore("conversations", { keyPath: "id" });
    db.createObjectStore("messages", { keyPath: "id" }).createIndex("of", "conversationId");
    db.createObjectStore("drafts");
  },
];

/* Rejects when storage is denied, broken, held by another tab, or of a newer page. */
export function openDb(factory: IDBFactory, onLost: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reject(new Error("the database does not open"));
    }, OPEN_MS_MAX);
    const opening = factory.open(DB_NAME, UPGRADES.length);
    opening.onupgradeneeded = (event) => {
      for (let version = event.oldVersion; version < UPGRADES.length; version++) UPGRADES[version]?.(opening.result);
    };
    opening.onerror = () => {
      clearTimeout(timer);
      reject(opening.error ?? new Error("the database does not open"));
    };
    opening.onsuccess = () => {
      clearTimeout(timer);
      const db = opening.result;
      if (late) return db.close();
      /* A newer page in another tab wants to upgrade: it goes first. */
      db.onversionchange = () => {
        db.close();
        onLost();
      };
      db.onclose = onLost;
      resolve(db);
    };
  });
}

export function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the request failed"));
  });
}

/* Done means: on the disk as far as the browser says. */
export function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was aborted"));
  });
}

export function isQuota(error: unknown): boolean {
  return error instanceof Error || error instanceof DOMException ? /quota/i.test(error.name) : false;
}
