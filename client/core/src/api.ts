import { globals, type Machine } from './platform.js';
import { FeedError, type Problem } from './types.js';

const TIMEOUT_MS = 20_000;

export interface Answer {
  status: number;
  body: unknown;
  retryAfterMs: number;
}

/** Requests with the viewer's token, and the server's time as their answers tell it. */
export interface Api {
  /** Never throws: an answer that did not come has status 0. */
  request(method: string, path: string, body?: object, options?: RequestOptions): Promise<Answer>;
  /** As `request`, but throws a FeedError for everything but success. */
  call<T>(method: string, path: string, body?: object, options?: RequestOptions): Promise<T>;
  /** The server's time of day in milliseconds; null while no answer has told it. */
  serverNow(): number | null;
  learnTime(serverTime: string | null, roundTo?: number): void;
}

export interface RequestOptions {
  headers?: Record<string, string>;
  /** For a page that is going: sent at once, with the last token, to outlive the page. */
  keepalive?: boolean;
}

export function createApi(
  baseUrl: string,
  getToken: (refresh: boolean) => string | Promise<string>,
  machine: Machine,
): Api {
  let token: string | null = null;
  let offset: number | null = null;

  function learnTime(serverTime: string | null, precision = 1): void {
    const told = Date.parse(serverTime ?? '') + precision / 2;
    const found = told - machine.now();
    // A Date header counts whole seconds: it corrects only what is off by more.
    if (found === found && (offset === null || Math.abs(found - offset) > 2 * precision)) offset = found;
  }

  async function send(method: string, path: string, body: object | undefined, options: RequestOptions) {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, ...options.headers };
    if (body) headers['content-type'] = 'application/json';
    const abort = options.keepalive || !globals.AbortController ? null : new globals.AbortController();
    const stop = machine.after(TIMEOUT_MS, () => abort?.abort());
    try {
      const answer = await machine.fetch(baseUrl.replace(/\/$/, '') + path, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
        ...(options.keepalive && { keepalive: true }),
        ...(abort && { signal: abort.signal }),
      });
      const text = await answer.text();
      learnTime(answer.headers.get('date'), 1000);
      const wait = answer.headers.get('retry-after');
      const seconds = Number(wait) || (Date.parse(wait ?? '') - machine.now()) / 1000 || 0;
      let parsed: unknown = null;
      try {
        parsed = JSON.parse(text);
      } catch {
        // Somebody else answered: a proxy, or the login page of a network.
      }
      return { status: answer.status, body: parsed, retryAfterMs: Math.max(0, seconds * 1000) };
    } catch {
      return { status: 0, body: null, retryAfterMs: 0 };
    } finally {
      stop();
    }
  }

  async function request(method: string, path: string, body?: object, options: RequestOptions = {}) {
    try {
      // No await where the token is known: a page that is going runs nothing that comes later.
      if (!token) token = await getToken(false);
      const answer = await send(method, path, body, options);
      if (answer.status !== 401 || options.keepalive) return answer;
      token = await getToken(true);
      return await send(method, path, body, options);
    } catch {
      return { status: 0, body: null, retryAfterMs: 0 };
    }
  }

  return {
    request,
    async call<T>(method: string, path: string, body?: object, options?: RequestOptions) {
      const answer = await request(method, path, body, options);
      if (answer.status >= 200 && answer.status < 300 && answer.body) return answer.body as T;
      const problem = answer.body as Problem | null;
      const message = problem?.detail ?? (answer.status ? `HTTP ${answer.status}` : 'no answer');
      throw new FeedError(answer.status, message, problem, answer.retryAfterMs);
    },
    serverNow: () => (offset === null ? null : machine.now() + offset),
    learnTime,
  };
}
