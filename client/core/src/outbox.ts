import type { Answer, Api } from './api.js';
import { backoff, type FeedStorage, type Machine } from './platform.js';
import type { OutboxRow } from './types.js';

const DEBOUNCE_MS = 2_000;
const LONGEST_WAIT_MS = 10_000;
const MAX_ROWS = 100;
const MAX_BYTES = 60_000;
const STORAGE_PATIENCE_MS = 1_000;

/** A row with what is known of it in this program. */
export interface Entry {
  key: string;
  row: OutboxRow;
  bytes: number;
  written: Promise<unknown>;
  inFlight: false | 'request' | 'keepalive';
  /** How it ended; null while it is kept. */
  outcome: null | { refused: Answer | null };
}

export interface Outbox {
  add(row: Omit<OutboxRow, 'by'>): Entry;
  /** Writes a changed row again, unless it is being sent or was. */
  amend(entry: Entry): boolean;
  /** Sends what may be sent; false where something had to stay. */
  flush(): Promise<boolean>;
  /** Sends without waiting for anything, for a page that is going. */
  flushNow(leaving: boolean): void;
  rows(): OutboxRow[];
  close(): void;
}

interface Needs {
  api: Api;
  machine: Machine;
  storage: FeedStorage;
  prefix: string;
  instance: string;
  isAlive: (instance: string) => Promise<boolean>;
  onChange(): void;
  onRefused(row: OutboxRow, answer: Answer | null, reason: string): void;
}

const ROUTES = {
  impression: '/v1/impressions',
  watch: '/v1/watch-progress',
  feedback: '/v1/feedback',
};

/**
 * Keeps every row in storage until the server has answered for it.
 *
 * Each row has an id that the server knows it by, so that sending it twice does no harm: whatever is
 * unsure is sent again.
 */
export function createOutbox(needs: Needs): Outbox {
  const { api, machine, storage } = needs;
  const entries = new Map<string, Entry>();
  const answered = new Set<string>(); // rows that storage may still hold
  let counter = 0;
  let firstAdded: number | null = null; // of what waits
  let failures = 0;
  let notBefore = 0; // by our own backing off
  let named = 0; // by the server's Retry-After
  let maxRows = MAX_ROWS;
  let stopTimer: (() => void) | null = null;
  let pumping: Promise<boolean> | null = null;
  let closed = false;

  function write(entry: Entry): void {
    const value = JSON.stringify(entry.row);
    entry.bytes = JSON.stringify(entry.row.body).length + 32;
    const previous = entry.written;
    entry.written = previous.then(() => storage.set([[entry.key, value]])).catch(() => undefined);
  }

  function keep(key: string, row: OutboxRow): Entry {
    const entry: Entry = { key, row, bytes: 0, written: Promise.resolve(), inFlight: false, outcome: null };
    entries.set(key, entry);
    return entry;
  }

  function schedule(delay: number): void {
    stopTimer?.();
    stopTimer = null;
    if (closed) return;
    const wait = Math.max(delay, Math.max(notBefore, named) - machine.clock());
    stopTimer = machine.after(wait, () => void flush());
  }

  function add(given: Omit<OutboxRow, 'by'>): Entry {
    const time = machine.now().toString(36).padStart(10, '0');
    const key = `${needs.prefix}${time}-${(counter++).toString(36).padStart(6, '0')}-${needs.instance}`;
    const entry = keep(key, { ...given, by: needs.instance });
    write(entry);
    added();
    return entry;
  }

  function added(): void {
    const clock = machine.clock();
    const waiting = sendable();
    firstAdded ??= clock;
    if (waiting.length >= maxRows && maxRows === MAX_ROWS) schedule(0);
    else if (waiting.length) schedule(Math.min(DEBOUNCE_MS, firstAdded + LONGEST_WAIT_MS - clock));
    needs.onChange();
  }

  function sendable(): Entry[] {
    return [...entries.values()].filter((entry) => !entry.row.open && !entry.inFlight);
  }

  /** Takes in what other programs of this viewer left behind: earlier runs, closed tabs. */
  async function adopt(): Promise<void> {
    let found: [string, string][];
    try {
      found = await withPatience(storage.entries(needs.prefix), []);
    } catch {
      return;
    }
    const alive = new Map<string, boolean>();
    for (const [key, value] of found.sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (entries.has(key) || answered.has(key)) continue;
      try {
        const row = JSON.parse(value) as OutboxRow;
        if (row.by === needs.instance) continue; // of ours, and gone from memory: answered
        if (!alive.has(row.by)) alive.set(row.by, await needs.isAlive(row.by));
        if (alive.get(row.by) || answered.has(key)) continue;
        keep(key, { ...row, open: false }).bytes = value.length;
      } catch {
        void storage.remove([key]).catch(() => undefined);
      }
    }
  }

  function withPatience<T>(work: Promise<T>, otherwise: T): Promise<T> {
    return new Promise((resolve) => {
      const stop = machine.after(STORAGE_PATIENCE_MS, () => resolve(otherwise));
      const done = (value: T) => {
        stop();
        resolve(value);
      };
      work.then(done, () => done(otherwise));
    });
  }

  /**
   * The next rows that fit into one request: of one route, one session, oldest first. Watches go before
   * impressions, because a batch of either may rank the next queue, which is to know what was watched.
   */
  function nextBatch(from: Entry[], maxBytes = MAX_BYTES): Entry[] {
    for (const kind of ['watch', 'impression', 'feedback'] as const) {
      const first = from.find(({ row }) => row.kind === kind);
      if (!first) continue;
      if (kind === 'feedback') return [first];
      let bytes = 100;
      const batch: Entry[] = [];
      for (const entry of from) {
        if (entry.row.kind !== kind || entry.row.session !== first.row.session) continue;
        if (batch.length >= maxRows || bytes + entry.bytes > maxBytes) break;
        bytes += entry.bytes;
        batch.push(entry);
      }
      return batch;
    }
    return [];
  }

  function bodyOf(batch: Entry[]): object {
    const { kind, session } = batch[0]!.row;
    const rows = batch.map(({ row }) => {
      if (row.at === undefined) return row.body;
      const time = api.serverNow();
      const seen = time === null ? row.at : row.at + time - machine.now();
      return { ...row.body, seen_at: new Date(seen).toISOString() };
    });
    if (kind === 'impression') return { session_id: session, impressions: rows };
    return kind === 'watch' ? { events: rows } : rows[0]!;
  }

  function post(batch: Entry[], keepalive: boolean): Promise<Answer> {
    for (const entry of batch) entry.inFlight = keepalive ? 'keepalive' : 'request';
    firstAdded = null;
    return api.request('POST', ROUTES[batch[0]!.row.kind], bodyOf(batch), { keepalive });
  }

  function forget(batch: Entry[], refused: Answer | null): void {
    const keys = batch.map(({ key }) => key);
    for (const entry of batch) {
      entries.delete(entry.key);
      answered.add(entry.key);
      entry.outcome = { refused };
    }
    void Promise.all(batch.map(({ written }) => written))
      .then(() => storage.remove(keys))
      .then(() => keys.forEach((key) => answered.delete(key)))
      .catch(() => undefined); // a later run sends them again, and the server knows them
  }

  /** Acts on an answer; false where the rows stay. */
  function settle(batch: Entry[], answer: Answer): boolean {
    const { status } = answer;
    const kept = batch.filter(({ outcome }) => !outcome);
    for (const entry of kept) entry.inFlight = false;
    const body = answer.body as { accepted?: number; rejected?: { index: number; reason: string }[] } | null;
    const isFeedback = batch[0]!.row.kind === 'feedback';
    const good = status >= 200 && status < 300 && body && (isFeedback || Number.isInteger(body.accepted));
    const bad = status === 400 || status === 413 || status === 422 || (isFeedback && status === 404);
    if (good || (bad && batch.length === 1)) {
      failures = 0;
      maxRows = MAX_ROWS;
      forget(kept, good ? null : answer);
      if (good) {
        for (const { index, reason } of body.rejected ?? []) {
          if (batch[index]) needs.onRefused(batch[index].row, null, reason);
        }
      } else for (const { row } of kept) needs.onRefused(row, answer, `HTTP ${status}`);
    } else if (bad) {
      maxRows = batch.length >> 1; // one of them is at fault: halve until it stands alone
    } else {
      const clock = machine.clock();
      named = clock + answer.retryAfterMs;
      notBefore = clock + backoff(machine.random, ++failures);
      schedule(0);
    }
    needs.onChange();
    return !!good || bad;
  }

  async function pump(): Promise<boolean> {
    await adopt();
    for (;;) {
      const batch = nextBatch(sendable());
      if (!batch.length) return true;
      for (const entry of batch) entry.inFlight = 'request';
      await withPatience(Promise.all(batch.map(({ written }) => written)), []);
      const kept = batch.filter(({ outcome }) => !outcome);
      if (kept.length && !settle(kept, await post(kept, false))) return false;
    }
  }

  async function flush(): Promise<boolean> {
    // A wait of our own making may be cut short; a server that named a time is left alone until then.
    if (machine.clock() < named) return !sendable().length;
    pumping ??= pump().finally(() => (pumping = null));
    return pumping;
  }

  return {
    add,
    amend(entry) {
      if (entry.inFlight || entry.outcome) return false;
      write(entry);
      if (!entry.row.open) added();
      return true;
    },
    flush,
    flushNow(leaving) {
      let room = MAX_BYTES;
      const left = new Set(
        [...entries.values()].filter(
          ({ row, inFlight }) => !row.open && (leaving ? inFlight !== 'keepalive' : !inFlight),
        ),
      );
      for (;;) {
        const batch = nextBatch([...left], room);
        if (!batch.length) return;
        for (const entry of batch) {
          left.delete(entry);
          room -= entry.bytes;
        }
        room -= 100;
        void post(batch, true).then((answer) => settle(batch, answer));
      }
    },
    rows: () => [...entries.values()].map(({ row }) => row),
    close() {
      closed = true;
      stopTimer?.();
    },
  };
}
