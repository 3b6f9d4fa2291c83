import { createApi } from './api.js';
import { createFeed, type PageResult } from './feed.js';
import { createOutbox, type Entry } from './outbox.js';
import { machine as completed } from './platform.js';
import { createTracker, type Tracker } from './tracker.js';
import {
  FeedError,
  type ClientOptions,
  type ClientState,
  type Feedback,
  type Playback,
  type Post,
  type Reaction,
  type Session,
} from './types.js';
import type { UploadContent, UploadOptions, UploadResult } from './upload.js';
import { createWatches } from './watches.js';

/** What FlatList tells of an item. */
export interface ViewToken {
  item: { key?: string; post_id?: string };
  key?: string;
  isViewable: boolean;
}

export interface Client {
  personalizedFeed: {
    /** Sends what is queued, then starts a session. The list stays until its first page is there. */
    startSession(userId?: string): Promise<Session>;
    /** The next page. Calls at the same time share one request. */
    getPersonalizedFeed(userId?: string, pageSize?: number): Promise<PageResult>;
    /** A new session and its first page. */
    refresh(): Promise<PageResult>;
  };
  /** What the list shows. A new array whenever it changes. */
  readonly posts: readonly Post[];
  readonly state: ClientState;
  /** The name by which other programs that share the storage know this one. */
  readonly instance: string;
  subscribe(listener: () => void): () => void;
  handleViewabilityChange(change: { viewableItems: ViewToken[]; changed?: ViewToken[] }): void;
  tracker: Tracker;
  playback(postId: string, playback: Playback): void;
  react(postId: string, reaction: Reaction): void;
  /**
   * Hides what it is about at once, and shows it again where the server refuses.
   *
   * @returns `queued` where the server is out of reach: it is sent later, also by a later run.
   * @throws FeedError where the server refuses.
   */
  sendFeedback(feedback: Feedback): Promise<'sent' | 'queued'>;
  uploadVideo(
    uri: unknown,
    upload: { content?: string | UploadContent; userId?: string },
    options?: UploadOptions,
  ): Promise<UploadResult>;
  /** Goes on with the uploads that an earlier run left. */
  resumeUploads(options?: UploadOptions): Promise<Promise<UploadResult>[]>;
  setConsent(given: boolean): void;
  /** Tells whether the app is in front; with `leaving`, that the program may end now. */
  setForeground(front: boolean, leaving?: boolean): void;
  /** Tells that the network is back. */
  wake(): void;
  flush(): Promise<boolean>;
  /** Sends what is queued and stops all timers. */
  close(): Promise<void>;
}

export function createClient(options: ClientOptions): Client {
  const machine = completed(options);
  const { storage, userId } = options;
  const instance = machine.uuid();
  const isAlive = options.isAlive ?? (async () => false);
  const prefix = `vroom/${userId}/`;
  const listeners = new Set<() => void>();
  const rejected: ClientState['rejected'] = [];
  let consent = options.consent ?? true;
  const shown = new Map<string, Post>(); // what is on screen, also where the list is a new one since
  let viewable = new Set<string>();

  const notify = () => listeners.forEach((listener) => listener());
  const api = createApi(options.baseUrl, options.getToken, machine);
  const outbox = createOutbox({
    api,
    machine,
    storage,
    prefix: `${prefix}o/`,
    instance,
    isAlive,
    onChange: notify,
    onRefused({ kind, body }, _answer, reason) {
      rejected.push({ kind, body, reason });
      if (rejected.length > 20) rejected.shift();
    },
  });
  const feed = createFeed(
    options,
    api,
    machine,
    () => {
      watches.end();
      return outbox.flush();
    },
    notify,
  );
  const watches = createWatches(
    machine,
    outbox,
    (postId) => feed.posts.find((post) => post.post_id === postId)?.duration_ms ?? null,
  );

  function seen(key: string, visibleMs: number): ((visibleMs: number) => void) | null {
    const post = shown.get(key);
    if (!post || !consent) return null;
    const time = api.serverNow();
    const entry: Entry = outbox.add({
      kind: 'impression',
      session: post.session_id,
      ...(time === null && { at: machine.now() }),
      body: {
        event_id: machine.uuid(),
        post_id: post.post_id,
        source: post.source,
        position: post.position,
        visible_ms: Math.round(visibleMs),
        ...(time !== null && { seen_at: new Date(time).toISOString() }),
      },
    });
    return (finalMs) => {
      entry.row.body['visible_ms'] = Math.round(finalMs);
      outbox.amend(entry);
    };
  }

  const tracker = createTracker(
    machine,
    () => feed.session?.viewability ?? { fraction: 0.5, dwell_ms: 500 },
    seen,
    (key) => {
      if (shown.has(key)) watches.end(shown.get(key)!.post_id);
      shown.delete(key);
    },
  );
  const track: Tracker = {
    ...tracker,
    visible(key, fraction) {
      const post = feed.find(key);
      if (post && fraction > 0 && !shown.has(key)) shown.set(key, post);
      if (fraction >= 0.5) feed.reached(key);
      tracker.visible(key, fraction);
    },
  };

  function own(given: string | undefined): void {
    if (given && given !== userId) throw new Error('This client is of another viewer: create one for each');
  }

  async function sendFeedback(feedback: Feedback): Promise<'sent' | 'queued'> {
    const { action, postId, creatorId, undo = false } = feedback;
    feed.mark(feedback, !undo);
    const about = postId ? { post_id: postId } : { creator_id: creatorId };
    const { outcome } = await sentOrKept(outbox.add({ kind: 'feedback', body: { action, ...about, undo } }));
    const refused = outcome?.refused;
    if (!refused) return outcome ? 'sent' : 'queued';
    feed.mark(feedback, undo);
    throw new FeedError(refused.status, 'The feedback was refused', refused.body as never);
  }

  async function sentOrKept(entry: Entry): Promise<Entry> {
    // A flush that was under way may have ended before it saw the row.
    if (await outbox.flush()) if (!entry.outcome) await outbox.flush();
    return entry;
  }

  return {
    personalizedFeed: {
      async startSession(given) {
        own(given);
        return feed.start();
      },
      async getPersonalizedFeed(given, pageSize) {
        own(given);
        return feed.next(pageSize);
      },
      refresh: () => feed.refresh(),
    },
    get posts() {
      return feed.posts;
    },
    get state() {
      const { session, page, loading, error } = feed;
      return { session, page, loading, error, outbox: outbox.rows(), rejected };
    },
    instance,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    handleViewabilityChange({ viewableItems }) {
      const now = new Set(viewableItems.map(({ item, key }) => item.key ?? item.post_id ?? key ?? ''));
      for (const key of viewable) if (!now.has(key)) track.visible(key, 0);
      for (const key of now) track.visible(key, 1);
      viewable = now;
    },
    tracker: track,
    playback(postId, playback) {
      if (consent) watches.playback(postId, playback);
    },
    react(postId, reaction) {
      if (consent) watches.react(postId, reaction);
    },
    sendFeedback,
    ...uploadsOf(),
    setConsent(given) {
      consent = given;
    },
    setForeground(front, leaving = false) {
      tracker.setForeground(front);
      if (front) {
        void outbox.flush();
        feed.wake();
        return;
      }
      if (leaving) watches.end();
      outbox.flushNow(leaving);
    },
    wake() {
      void outbox.flush();
      feed.wake();
    },
    flush: () => outbox.flush(),
    async close() {
      tracker.clear();
      watches.end();
      feed.close();
      await outbox.flush();
      outbox.close();
      listeners.clear();
    },
  };

  function uploadsOf(): Pick<Client, 'uploadVideo' | 'resumeUploads'> {
    // Most who watch never upload: what does it comes with the first upload.
    const load = async () =>
      (uploads ??= (await import('./upload.js')).createUploads(
        api,
        machine,
        storage,
        `${prefix}u/`,
        await options.media?.(),
        instance,
        isAlive,
      ));
    let uploads: import('./upload.js').Uploads | undefined;
    return {
      async uploadVideo(uri, { content = {}, userId: given }, settings) {
        own(given);
        return (await load()).upload(uri, typeof content === 'string' ? { caption: content } : content, settings);
      },
      async resumeUploads(settings) {
        const left = await storage.entries(`${prefix}u/`).catch(() => []);
        return left.length ? (await load()).resume(settings) : [];
      },
    };
  }
}
