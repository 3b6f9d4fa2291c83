import type { FeedStorage, Machine } from './platform.js';
import type { components } from './openapi.js';
import type { Media } from './media.js';

type Schemas = components['schemas'];

export type FeedPage = Schemas['FeedPage'];
export type Source = Schemas['Source'];
export type Problem = Schemas['Problem'];
export type UploadState = Schemas['UploadState'];
export type UploadMade = Schemas['UploadMade'];
export type FeedbackAction = Schemas['FeedbackAction'];
export type ImpressionRow = Schemas['ImpressionIn'];
export type WatchRow = Schemas['WatchIn'];

/** A post as a list shows it. `key` is unlike every other in the list, also where the post is recycled. */
export type Post = Schemas['FeedPost'] & { key: string; session_id: string };

/** What the server says of a session at its start. */
export interface Session {
  session_id: string | null;
  cooldown_days: number;
  viewability: { fraction: number; dwell_ms: number };
  variant: string | null;
}

export interface Feedback {
  action: FeedbackAction;
  postId?: string;
  creatorId?: string;
  undo?: boolean;
}

export interface Playback {
  positionMs: number;
  durationMs?: number | null;
  paused: boolean;
}

/** What viewers give to a post besides their time. */
export interface Reaction {
  liked?: boolean;
  commented?: boolean;
  shared?: boolean;
}

/** A row of the outbox, as it stands in storage. */
export interface OutboxRow {
  kind: 'impression' | 'watch' | 'feedback';
  /** The program that wrote it: a row that is still open is sent by nobody else while that lives. */
  by: string;
  open?: boolean;
  session?: string;
  /** The device's time of day, where the server's was unknown when the row was written. */
  at?: number;
  body: Record<string, unknown>;
}

export interface ClientOptions extends Partial<Machine> {
  baseUrl: string;
  userId: string;
  /** A token of the viewer; with `refresh`, a new one: the last was refused. */
  getToken(refresh: boolean): string | Promise<string>;
  storage: FeedStorage;
  device?: 'phone' | 'tablet' | 'desktop' | 'tv';
  connection?: () => 'wifi' | '5g' | '4g' | '3g' | '2g' | undefined;
  timezone?: string;
  pageSize?: number;
  /** False: nothing that the viewer does is kept or sent until `setConsent(true)`. */
  consent?: boolean;
  /** Whether another program that shares the storage still runs (tabs of a browser). */
  isAlive?: (instance: string) => Promise<boolean>;
  /**
   * How files are read, compressed and sent, loaded with the first upload. Without it files are blobs or
   * addresses, which `fetch` reads and sends as they are, and an upload does not outlive the program.
   */
  media?: () => Promise<Media>;
}

/** What the client knows now, for a page that shows it. */
export interface ClientState {
  session: Session | null;
  page: Omit<FeedPage, 'posts'> | null;
  loading: boolean;
  error: Error | null;
  outbox: OutboxRow[];
  rejected: { kind: OutboxRow['kind']; body: Record<string, unknown>; reason: string }[];
}

/** An answer that was a refusal, or no answer at all (status 0). */
export class FeedError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly problem: Problem | null = null,
    readonly retryAfterMs = 0,
  ) {
    super(message);
    this.name = 'FeedError';
  }
}
