import type { Api } from './api.js';
import { backoff, type Machine } from './platform.js';
import { FeedError, type ClientOptions, type FeedPage, type Feedback, type Post, type Session } from './types.js';

const PREFETCH_AT = 3;
const DEFAULTS: Session = {
  session_id: null,
  cooldown_days: 30,
  viewability: { fraction: 0.5, dwell_ms: 500 },
  variant: null,
};

export interface PageResult {
  /** The posts that this page added to the list. */
  posts: Post[];
  page: FeedPage;
}

export interface Feed {
  readonly posts: readonly Post[];
  readonly session: Session | null;
  readonly page: FeedPage | null;
  readonly loading: boolean;
  readonly error: Error | null;
  find(key: string): Post | undefined;
  start(): Promise<Session>;
  next(size?: number): Promise<PageResult>;
  refresh(): Promise<PageResult>;
  /** Fetches the next page where few posts are left behind this one. */
  reached(key: string): void;
  /** Repeats at once what waits to be repeated: the network is back. */
  wake(): void;
  /** Hides what a feedback is about, or shows it again. */
  mark(feedback: Feedback, hide: boolean): void;
  close(): void;
}

/** The session and its pages: what the list shows, each post once, and the next page in time. */
export function createFeed(
  options: ClientOptions,
  api: Api,
  machine: Machine,
  beforeSession: () => Promise<unknown>,
  onChange: () => void,
): Feed {
  let all: Post[] = [];
  let posts: readonly Post[] = [];
  let session: Session | null = null;
  let starting: Promise<Session> | null = null;
  let page: FeedPage | null = null;
  let pageNo = 0;
  let fetching: Promise<PageResult> | null = null;
  let generation = 0; // counts sessions
  let fetchingOf = 0; // the generation whose page is being fetched
  let isWaiting = false; // the fetch waits for a session
  let error: Error | null = null;
  let failures = 0;
  let isRetrying = false;
  let stopRetry: (() => void) | null = null;
  const marks = new Set<string>(); // `<post or creator id> <action>`

  const actions = ['not_interested', 'hide_creator', 'report'];
  const isHidden = (id: string) => actions.some((action) => marks.has(`${id} ${action}`));

  function changed(): void {
    posts = all.filter((post) => !isHidden(post.post_id) && !isHidden(post.creator_id));
    onChange();
  }

  function context(): Record<string, string> {
    const { device, timezone, connection } = options;
    const found = { device, timezone, connection: connection?.() };
    return Object.fromEntries(Object.entries(found).filter((entry): entry is [string, string] => !!entry[1]));
  }

  function start(): Promise<Session> {
    starting ??= (async () => {
      try {
        await beforeSession();
        const body = { ...context(), page_size: options.pageSize ?? 12 };
        const answer = await api.request('POST', '/v1/sessions', body);
        const given = answer.body as (Session & { server_time: string }) | null;
        if (answer.status === 201 && given) {
          api.learnTime(given.server_time);
          session = { ...DEFAULTS, ...given };
        } else if (answer.status === 404 || answer.status === 405) {
          session = { ...DEFAULTS }; // a server without this route starts one with the first page
        } else throw new FeedError(answer.status, 'no session', null, answer.retryAfterMs);
        generation++;
        if (isWaiting) fetchingOf = generation;
        stopRetry?.();
        isRetrying = false;
        page = null;
        pageNo = 0;
        return session;
      } finally {
        starting = null;
      }
    })();
    return starting;
  }

  function take(answer: FeedPage): Post[] {
    if (!session!.session_id) session!.session_id = answer.session_id;
    if (!page) all = [];
    const known = new Set(all.map(({ post_id }) => post_id));
    const added: Post[] = [];
    for (const post of answer.posts) {
      const again = known.has(post.post_id);
      // The server recycles only what it must: such a post stands in the list once more.
      if (again && post.source !== 'recycled') continue;
      known.add(post.post_id);
      const key = again ? `${post.post_id}:${pageNo}:${post.position}` : post.post_id;
      added.push({ ...post, key, session_id: answer.session_id });
    }
    all = all.concat(added);
    pageNo++;
    page = answer;
    return added;
  }

  async function load(size: number, mayRestart = true): Promise<PageResult> {
    if (!session) await restart();
    const own = generation;
    const query = new Map(Object.entries(context()));
    query.set('page_size', String(size));
    if (session!.session_id) query.set('session_id', session!.session_id);
    if (page) query.set('cursor', page.next_cursor);
    const text = [...query].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
    try {
      const answer = await api.call<FeedPage>('GET', `/v1/feed?${text}`);
      // A refresh came in between: its page is the one that is wanted now.
      if (own !== generation) return await overtaken(size);
      return { posts: take(answer), page: answer };
    } catch (problem) {
      if (own !== generation) return overtaken(size);
      // The session or its cursor is of no use any more.
      const refused = problem instanceof FeedError && problem.status === 400;
      if (!refused || !mayRestart || !session!.session_id) throw problem;
      await restart();
      return load(size, false);
    }
  }

  async function overtaken(size: number): Promise<PageResult> {
    return page ? { posts: all, page } : next(size);
  }

  async function restart(): Promise<void> {
    isWaiting = true;
    try {
      await start();
    } finally {
      isWaiting = false;
    }
  }

  function next(size = options.pageSize ?? 12): Promise<PageResult> {
    if (fetching && fetchingOf === generation) return fetching;
    stopRetry?.();
    isRetrying = false;
    fetchingOf = generation;
    const request: Promise<PageResult> = load(size).then(
      (result) => {
        if (fetching === request) fetching = null;
        error = null;
        failures = 0;
        changed();
        return result;
      },
      (problem: Error) => {
        if (fetching === request) fetching = null;
        error = problem;
        changed();
        throw problem;
      },
    );
    fetching = request;
    changed();
    return request;
  }

  function prefetch(): void {
    const own = generation;
    next().catch((problem: Error) => {
      const named = problem instanceof FeedError ? problem.retryAfterMs : 0;
      const wait = Math.max(named, 1000 + backoff(machine.random, ++failures, 60_000));
      isRetrying = true;
      stopRetry = machine.after(wait, () => {
        if (own === generation) prefetch();
      });
    });
  }

  return {
    get posts() {
      return posts;
    },
    get session() {
      return session;
    },
    get page() {
      return page;
    },
    get loading() {
      return !!fetching;
    },
    get error() {
      return error;
    },
    find: (key) => all.find((post) => post.key === key),
    start,
    next,
    async refresh() {
      await start();
      return next();
    },
    reached(key) {
      const index = posts.findIndex((post) => post.key === key);
      if (index < 0 || posts.length - 1 - index > PREFETCH_AT || !page || fetching || isRetrying) return;
      prefetch();
    },
    wake() {
      if (isRetrying) prefetch();
    },
    mark({ action, postId, creatorId }, hide) {
      let id = creatorId;
      if (postId) id = action === 'hide_creator' ? all.find((post) => post.post_id === postId)?.creator_id : postId;
      else if (action === 'report') return; // a creator's record, nothing of the list
      if (!id) return;
      if (hide) marks.add(`${id} ${action}`);
      else marks.delete(`${id} ${action}`);
      changed();
    },
    close: () => stopRetry?.(),
  };
}
