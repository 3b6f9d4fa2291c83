import type { FeedStorage } from '@vroom/feed';

/** The part of AsyncStorage that is used. */
export interface KeyValueStore {
  getAllKeys(): Promise<readonly string[]>;
  multiGet(keys: readonly string[]): Promise<readonly (readonly [string, string | null])[]>;
  multiSet(entries: [string, string][]): Promise<void>;
  multiRemove(keys: string[]): Promise<void>;
}

/** The client's rows in AsyncStorage. */
export function asyncStorage(store: KeyValueStore): FeedStorage {
  return {
    async entries(prefix) {
      const keys = (await store.getAllKeys()).filter((key) => key.startsWith(prefix));
      if (!keys.length) return [];
      const found = await store.multiGet(keys);
      return found.filter((entry): entry is [string, string] => entry[1] !== null);
    },
    set: (entries) => store.multiSet(entries),
    remove: (keys) => store.multiRemove(keys),
  };
}
