import { memoryStorage, type FeedStorage } from '@vroom/feed';

const STORES = ['rows', 'files'] as const;
type Store = (typeof STORES)[number];

/** An IndexedDB database with two stores by key: rows of the client, files of uploads. */
export class Database {
  private opened: Promise<IDBDatabase> | null = null;

  constructor(private readonly name: string) {}

  private open(): Promise<IDBDatabase> {
    this.opened ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(this.name, 1);
      request.onupgradeneeded = () => STORES.forEach((store) => request.result.createObjectStore(store));
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new Error('The database is open elsewhere'));
      request.onsuccess = () => {
        // Another tab wants to delete or upgrade it: it is opened anew when it is needed.
        request.result.onversionchange = request.result.onclose = () => {
          request.result.close();
          this.opened = null;
        };
        resolve(request.result);
      };
    }).catch((problem: unknown) => {
      this.opened = null;
      throw problem;
    });
    return this.opened;
  }

  /** Runs requests in one transaction; resolves with what the last one gave once all of it is committed. */
  async run<T>(store: Store, mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest | void): Promise<T> {
    const database = await this.open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode, { durability: 'relaxed' });
      const request = ask(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request?.result as T);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  }

  /** Opens the database ahead, so that the first row does not wait for it. */
  warm(): void {
    this.open().catch(() => undefined);
  }
}

/** The client's rows in IndexedDB; in memory where a browser has none. */
export function indexedDbStorage(database: Database): FeedStorage {
  if (typeof indexedDB === 'undefined') return memoryStorage();
  return {
    async entries(prefix) {
      const found: [string, string][] = [];
      // By a cursor in one transaction: keys and values that are read apart might not belong together.
      await database.run('rows', 'readonly', (store) => {
        const request = store.openCursor(IDBKeyRange.bound(prefix, `${prefix}\uffff`));
        request.onsuccess = () => {
          const cursor = request.result;
          if (!cursor) return;
          found.push([String(cursor.key), String(cursor.value)]);
          cursor.continue();
        };
      });
      return found;
    },
    set: (entries) =>
      database.run('rows', 'readwrite', (store) => entries.forEach(([key, value]) => void store.put(value, key))),
    remove: (keys) => database.run('rows', 'readwrite', (store) => keys.forEach((key) => void store.delete(key))),
  };
}
