/** What the core needs of the machine it runs on. Everything of it can be replaced, for tests too. */

/** A store of strings. Keys are compared by their text; `set` and `remove` may fail, and then lose nothing. */
export interface FeedStorage {
  /** All entries whose key begins with `prefix`. */
  entries(prefix: string): Promise<[key: string, value: string][]>;
  set(entries: [key: string, value: string][]): Promise<void>;
  remove(keys: string[]): Promise<void>;
}

/** The part of an AbortSignal that is used; the platform's own fits. */
export interface Signal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The part of `fetch` that is used. */
export type Fetch = (
  url: string,
  init: {
    method: string;
    headers: Record<string, string>;
    body?: string;
    keepalive?: boolean;
    signal?: Signal;
  },
) => Promise<FetchAnswer>;

export interface FetchAnswer {
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** Clocks, timers and chance. `clock` never goes back; `now` is the time of day, which may be wrong. */
export interface Machine {
  fetch: Fetch;
  now(): number;
  clock(): number;
  uuid(): string;
  random(): number;
  after(ms: number, call: () => void): () => void;
}

interface Globals {
  AbortController?: new () => { signal: Signal; abort(): void };
  fetch: Fetch;
  performance?: { now(): number };
  crypto?: { randomUUID?(): string; getRandomValues?(bytes: Uint8Array): Uint8Array };
  setTimeout(call: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const globals = globalThis as unknown as Globals;

/** A version 4 UUID, also where `randomUUID` is missing (React Native, pages without TLS). */
function uuid(): string {
  const { crypto } = globals;
  const nibble = () => (crypto?.getRandomValues?.(new Uint8Array(1))[0] ?? Math.random() * 256) & 15;
  return (
    crypto?.randomUUID?.() ??
    '********-****-4***-y***-************'.replace(/[*y]/g, (mark) =>
      (mark === 'y' ? (nibble() & 3) | 8 : nibble()).toString(16),
    )
  );
}

/** The machine as it is, with what the caller replaces. */
export function machine(given: Partial<Machine>): Machine {
  return {
    fetch: (url, init) => globals.fetch(url, init),
    now: Date.now,
    clock: given.now ?? (() => globals.performance?.now() ?? Date.now()),
    uuid,
    random: Math.random,
    after(ms, call) {
      const timer = globals.setTimeout(call, ms);
      return () => globals.clearTimeout(timer);
    },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)),
  };
}

/** A store that lasts as long as the program. */
export function memoryStorage(): FeedStorage {
  const kept = new Map<string, string>();
  return {
    entries: async (prefix) => [...kept].filter(([key]) => key.startsWith(prefix)),
    set: async (entries) => entries.forEach(([key, value]) => kept.set(key, value)),
    remove: async (keys) => keys.forEach((key) => kept.delete(key)),
  };
}

/** A wait of full jitter: somewhere between nothing and 2^failures seconds, five minutes at most. */
export function backoff(random: () => number, failures: number, maxMs = 300_000): number {
  return random() * Math.min(maxMs, 1000 * 2 ** failures);
}
