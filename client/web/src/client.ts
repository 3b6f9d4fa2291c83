import { createClient, type Client, type ClientOptions } from '@vroom/feed';

import { Database, indexedDbStorage } from './idb.js';

export type WebClientOptions = Omit<ClientOptions, 'storage' | 'isAlive'> & {
  storage?: ClientOptions['storage'];
  /** Where `@vroom/feed-web/compress-worker` is served. Without it files are sent as they are. */
  compressWorker?: string | URL;
};

interface NetworkInformation {
  type?: string;
  effectiveType?: string;
}

function connection(): ReturnType<NonNullable<ClientOptions['connection']>> {
  const { type, effectiveType } = (navigator as { connection?: NetworkInformation }).connection ?? {};
  if (!effectiveType) return undefined;
  if (effectiveType !== '4g') return effectiveType === '3g' ? '3g' : '2g';
  return type === 'cellular' ? '4g' : 'wifi';
}

/**
 * A client of this browser. Rows and files are in IndexedDB; each tab sends its own, and what closed tabs left.
 *
 * It follows the page: in front or hidden, going, back on the network.
 */
export function createWebClient(options: WebClientOptions): Client {
  const database = new Database(`vroom-feed-${options.userId}`);
  if (typeof indexedDB !== 'undefined') database.warm();
  const name = (instance: string) => `vroom-feed-${instance}`;
  // Missing on pages without TLS that are not of this machine.
  const locks = navigator.locks as LockManager | undefined;
  const client = createClient({
    device: matchMedia('(min-width: 1100px) and (pointer: fine)').matches ? 'desktop' : 'phone',
    connection,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    media: async () => (await import('./media.js')).webMedia(database, options.compressWorker),
    ...options,
    storage: options.storage ?? indexedDbStorage(database),
    async isAlive(instance) {
      const held = (await locks?.query())?.held ?? [];
      return held.some((lock) => lock.name === name(instance));
    },
  });

  // The browser lets go of the lock however the page ends.
  const closing = new AbortController();
  const { signal } = closing;
  void locks?.request(
    name(client.instance),
    () => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
  );
  document.addEventListener('visibilitychange', () => client.setForeground(!document.hidden), { signal });
  window.addEventListener('pagehide', () => client.setForeground(false, true), { signal });
  window.addEventListener('pageshow', ({ persisted }) => persisted && client.setForeground(true), { signal });
  window.addEventListener('online', () => client.wake(), { signal });
  if (document.hidden) client.setForeground(false);

  const { close } = client;
  client.close = async () => {
    await close();
    closing.abort();
  };
  return client;
}
