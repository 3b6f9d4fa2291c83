/** A machine whose time is turned by hand, a store and a server that fail when told to. */
import type { Fetch, FetchAnswer, FeedStorage, Machine } from '../src/platform.js';
import { createClient, type Client } from '../src/client.js';
import type { ClientOptions, Post, Source } from '../src/types.js';

export const VIEWER = '00000000-0000-4000-8000-000000000001';
export const START = Date.UTC(2026, 0, 1);

interface Timer {
  at: number;
  number: number;
  call: () => void;
}

/** Virtual time: what waits runs in order, and promises settle in between. */
export class Time {
  clock = 0;
  private timers: Timer[] = [];
  private number = 0;

  after = (ms: number, call: () => void): (() => void) => {
    const timer = { at: this.clock + Math.max(0, ms), number: this.number++, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  };

  async settle(): Promise<void> {
    for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    const end = this.clock + ms;
    await this.settle();
    for (;;) {
      const next = this.timers.sort((a, b) => a.at - b.at || a.number - b.number)[0];
      if (!next || next.at > end) break;
      this.timers.shift();
      this.clock = Math.max(this.clock, next.at);
      next.call();
      await this.settle();
    }
    this.clock = end;
  }
}

/** Storage on a disk that outlives clients and may be full or broken. */
export class Disk {
  kept = new Map<string, string>();
  mode: 'good' | 'full' | 'broken' | 'hung' = 'good';

  /** The disk as one program sees it: nothing of it is heard once that program is dead. */
  mount(program: { dead: boolean }): FeedStorage {
    const touch = async (): Promise<void> => {
      if (program.dead || this.mode === 'hung') await new Promise(() => undefined);
      if (this.mode === 'broken') throw new Error('the disk is broken');
    };
    return {
      entries: async (prefix) => {
        await touch();
        return [...this.kept].filter(([key]) => key.startsWith(prefix));
      },
      set: async (entries) => {
        if (!program.dead && this.mode === 'good') entries.forEach(([key, value]) => this.kept.set(key, value));
        await touch();
        if (this.mode === 'full') throw new Error('the disk is full');
      },
      remove: async (keys) => {
        if (!program.dead && (this.mode === 'good' || this.mode === 'full')) keys.forEach((key) => this.kept.delete(key));
        await touch();
      },
    };
  }
}

export type Network = 'good' | 'offline' | 'answers lost' | 'doubled' | 'late' | 'busy' | 'portal' | 'expired';

export interface Call {
  method: string;
  path: string;
  body: Record<string, unknown> | null;
  keepalive: boolean;
  at: number;
}

/** The server: knows every event by its id. */
export class Server {
  network: Network = 'good';
  calls: Call[] = [];
  events = new Map<string, Record<string, unknown>>();
  duplicates = 0;
  feedback: Record<string, unknown>[] = [];
  token = 1;
  offsetMs = 0;
  served = 0;
  hasSessions = true;
  pool = 1_000;
  recycled = false;
  /** Decides on a row; a reason refuses it. */
  refuse: (row: Record<string, unknown>) => string | null = () => null;
  answer: (call: Call) => { status: number; body?: unknown; headers?: Record<string, string> } | null = () => null;

  constructor(private time: Time) {}

  /** The network as one program sees it. */
  connect(program: { dead: boolean }): Fetch {
    return async (url, init) => {
      const never = new Promise<FetchAnswer>(() => undefined);
      const { network } = this;
      // What a program sent before it died arrives all the same.
      if (program.dead) return never;
      await Promise.resolve();
      if (network === 'offline') throw new TypeError('Failed to fetch');
      if (network === 'busy') return reply(503, { detail: 'busy' }, { 'retry-after': '7' });
      if (network === 'portal') return reply(200, '<html>Log in to the network</html>');
      if (network === 'late') await new Promise<void>((resolve) => this.time.after(15_000, resolve));
      if (network === 'doubled') this.handle(url, init);
      const answer = this.handle(url, init);
      if (program.dead) return never;
      if (network === 'answers lost') throw new TypeError('Failed to fetch');
      return answer;
    };
  }

  calledFor(path: string): Call[] {
    return this.calls.filter((call) => call.path.startsWith(path));
  }

  private handle(url: string, init: Parameters<Fetch>[1]): FetchAnswer {
    const path = url.replace(/^https?:\/\/[^/]+/, '');
    const body = init.body ? (JSON.parse(init.body) as Record<string, unknown>) : null;
    const call = { method: init.method, path, body, keepalive: !!init.keepalive, at: this.time.clock };
    this.calls.push(call);
    const date = { date: new Date(START + this.time.clock + this.offsetMs).toUTCString() };
    const own = this.answer(call);
    if (own) return reply(own.status, own.body ?? {}, { ...date, ...own.headers });
    if (init.headers['authorization'] !== `Bearer token-${this.token}`) return reply(401, { detail: 'expired' }, date);
    if (path === '/v1/sessions') {
      if (!this.hasSessions) return reply(404, { detail: 'there is no such route' }, date);
      return reply(201, { ...SESSION, server_time: new Date(START + this.time.clock + this.offsetMs).toISOString() }, date);
    }
    if (path.startsWith('/v1/feed?')) return reply(200, this.page(new URLSearchParams(path.split('?')[1])), date);
    if (path === '/v1/feedback') {
      this.feedback.push(body!);
      return reply(200, { ...body, undone: body!['undo'] }, date);
    }
    const rows = (body?.['impressions'] ?? body?.['events']) as Record<string, unknown>[];
    const rejected: { index: number; reason: string }[] = [];
    let accepted = 0;
    rows.forEach((row, index) => {
      const id = row['event_id'] as string;
      const reason = this.refuse(row);
      if (reason) rejected.push({ index, reason });
      else if (this.events.has(id)) this.duplicates++;
      else {
        this.events.set(id, row);
        accepted++;
      }
    });
    return reply(200, { accepted, duplicates: 0, rejected }, date);
  }

  private page(query: URLSearchParams): object {
    const size = Number(query.get('page_size'));
    const posts = Array.from({ length: size }, (_, position) => {
      const number = this.served++ % this.pool;
      return post(number, position, this.recycled && this.served > this.pool ? 'recycled' : 'fresh');
    });
    return {
      request_id: id(0),
      session_id: query.get('session_id') ?? SESSION.session_id,
      posts,
      next_cursor: `after ${this.served}`,
      cache: 'miss',
      stale_cursor: false,
      degraded: null,
      variant: 'control',
    };
  }
}

export const SESSION = {
  session_id: '00000000-0000-4000-8000-0000000000aa',
  expires_at: '2026-01-02T00:00:00Z',
  cooldown_days: 30,
  viewability: { fraction: 0.5, dwell_ms: 500 },
  variant: 'control',
};

export function id(number: number): string {
  return `10000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export function post(number: number, position: number, source: Source): Omit<Post, 'key' | 'session_id'> {
  return {
    post_id: id(number),
    creator_id: id(5_000 + (number % 7)),
    caption: `Post ${number}`,
    tags: [],
    hls_url: 'https://stream.example/a.m3u8',
    thumbnail_url: 'https://image.example/a.webp',
    duration_ms: 10_000,
    aspect_ratio: '9:16',
    created_at: '2026-01-01T00:00:00Z',
    position,
    source,
    is_repeat: false,
    score: 0.5,
    reasons: [],
  };
}

export function reply(status: number, body: unknown, headers: Record<string, string> = {}): FetchAnswer {
  return {
    status,
    headers: { get: (name) => headers[name] ?? null },
    text: async () => (typeof body === 'string' ? body : JSON.stringify(body)),
  };
}

/** One run of the program; `kill` ends it between two instructions. */
export interface Program {
  client: Client;
  dead: boolean;
  kill(): void;
}

export class World {
  time = new Time();
  disk = new Disk();
  server = new Server(this.time);
  wrongBy = 0;
  ids = 0;
  alive = new Set<string>();

  run(options: Partial<ClientOptions> = {}): Program {
    const program = { dead: false } as Program;
    const machine: Machine = {
      fetch: this.server.connect(program),
      now: () => START + this.time.clock + this.wrongBy,
      clock: () => this.time.clock,
      random: () => 0.5,
      uuid: () => id(1_000_000 + this.ids++),
      after: (ms, call) => this.time.after(ms, () => program.dead || call()),
    };
    program.client = createClient({
      baseUrl: 'https://api.example',
      userId: VIEWER,
      getToken: (refresh) => `token-${refresh ? this.server.token : 1}`,
      storage: this.disk.mount(program),
      isAlive: async (instance) => this.alive.has(instance),
      ...machine,
      ...options,
    });
    program.kill = () => {
      program.dead = true;
    };
    return program;
  }

  /** A client with a first page. */
  async watching(options: Partial<ClientOptions> = {}): Promise<Program> {
    const program = this.run(options);
    await this.done(program.client.personalizedFeed.startSession(VIEWER));
    await this.done(program.client.personalizedFeed.getPersonalizedFeed(VIEWER, 12));
    return program;
  }

  async done<T>(work: Promise<T>): Promise<T> {
    let over = false;
    const result = work.finally(() => (over = true));
    result.catch(() => undefined);
    for (let rounds = 0; !over && rounds < 4_000; rounds++) await this.time.pass(100);
    return result;
  }
}
