import type { Api } from './api.js';
import { fetchedMedia } from './fetched.js';
import type { Media, MediaFile } from './media.js';
import { backoff, type FeedStorage, type Machine, type Signal } from './platform.js';
import { FeedError, type UploadMade, type UploadState } from './types.js';

const CHUNK = 256 * 1024;
const MAX_DURATION_MS = 180_000;
const LEAST_GAIN = 0.1;
const LONGEST_WAIT_MS = 30_000;
// Where each phase begins of the whole, so that progress never falls.
const BEGINS = { compressing: 0, uploading: 0.3, processing: 0.9, ready: 1 };

export type UploadPhase = keyof typeof BEGINS;

export interface UploadProgress {
  phase: UploadPhase;
  /** Of the whole, from 0 to 1; it never falls. */
  fraction: number;
}

export interface UploadOptions {
  maxResolutionTier?: '1080p' | '1440p' | '2160p';
  onProgress?(progress: UploadProgress): void;
  signal?: Signal;
  /** Sends the file as it is. */
  compress?: boolean;
  /** In bytes; it is rounded to a multiple of 256 KiB. */
  chunkBytes?: number;
}

export interface UploadContent {
  caption?: string;
  tags?: string[];
}

export interface UploadResult {
  postId: string;
  state: 'ready';
  willTrim: boolean;
}

/** An upload as it stands in storage, to go on after a reload. */
interface Stored {
  key: string;
  by: string;
  content: UploadContent;
  tier: UploadOptions['maxResolutionTier'] | null;
  /** The body of the request for an address; null until the file is as it will be sent. */
  request: Record<string, unknown> | null;
  made: UploadMade | null;
  /** Whether something of the file may have been sent, and whether all of it was. */
  begun: boolean;
  sent: boolean;
  fraction: number;
}

export interface Uploads {
  upload(uri: unknown, content: UploadContent, options?: UploadOptions): Promise<UploadResult>;
  /** Goes on with what an earlier run left. */
  resume(options?: UploadOptions): Promise<Promise<UploadResult>[]>;
}

export function createUploads(
  api: Api,
  machine: Machine,
  storage: FeedStorage,
  prefix: string,
  given: Media | undefined,
  instance: string,
  isAlive: (instance: string) => Promise<boolean>,
): Uploads {
  const running = new Set<string>();
  const media: Media = given ?? fetchedMedia(machine);

  function wait(ms: number, signal: Signal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = machine.after(ms, () => {
        signal?.removeEventListener('abort', cancel);
        resolve();
      });
      const cancel = () => {
        stop();
        reject(aborted());
      };
      if (signal?.aborted) cancel();
      else signal?.addEventListener('abort', cancel);
    });
  }

  /**
   * Keeps what is unfinished; a storage that fails costs the resumption, not the upload.
   *
   * @param upTo the fraction that may be told before the next save: a later run begins there.
   */
  async function save(stored: Stored, upTo = 0): Promise<void> {
    const kept = { ...stored, fraction: Math.max(stored.fraction, upTo) };
    await storage.set([[prefix + stored.key, JSON.stringify(kept)]]).catch(() => undefined);
  }

  async function drop(key: string): Promise<void> {
    await storage.remove([prefix + key]).catch(() => undefined);
    await media.drop?.(key).catch(() => undefined);
  }

  /** The fraction of the whole that a part of a phase ends at. */
  function whole(phase: UploadPhase, part: number): number {
    const phases = Object.keys(BEGINS) as UploadPhase[];
    const end = BEGINS[phases[phases.indexOf(phase) + 1] ?? 'ready'];
    return BEGINS[phase] + (end - BEGINS[phase]) * Math.min(1, part);
  }

  function reporter(stored: Stored, options: UploadOptions) {
    return (phase: UploadPhase, part: number) => {
      const fraction = (stored.fraction = Math.max(stored.fraction, whole(phase, part)));
      options.onProgress?.({ phase, fraction });
    };
  }

  type Report = ReturnType<typeof reporter>;

  /** Repeats a call while the server is out of reach or busy. */
  async function persist<T>(call: () => Promise<T>, signal: Signal | undefined): Promise<T> {
    for (let failures = 1; ; failures++) {
      if (signal?.aborted) throw aborted();
      try {
        return await call();
      } catch (problem) {
        const { status = -1, retryAfterMs = 0 } = problem as FeedError;
        const passing = status === 0 || status === 401 || status === 409 || status === 429 || status >= 500;
        if (!passing) throw problem;
        await wait(Math.max(retryAfterMs, backoff(machine.random, failures, LONGEST_WAIT_MS)), signal);
      }
    }
  }

  async function smaller(file: MediaFile, stored: Stored, options: UploadOptions, report: Report) {
    const { compress } = media;
    await save(stored, BEGINS.uploading);
    report('compressing', 0);
    if (!compress || options.compress === false) return file;
    try {
      const made = await compress.call(media, file, {
        maxDurationMs: MAX_DURATION_MS,
        ...(stored.tier && { maxResolutionTier: stored.tier }),
        onProgress: (fraction) => report('compressing', fraction),
        ...(options.signal && { signal: options.signal }),
      });
      if (made && made.size > 0 && made.size <= file.size * (1 - LEAST_GAIN)) return made;
    } catch {
      // The original is sent.
    }
    return file;
  }

  /** Makes the file as it will be sent, and the request for an address. */
  async function prepare(stored: Stored, original: MediaFile, options: UploadOptions, report: Report) {
    const file = await smaller(original, stored, options, report);
    if (options.signal?.aborted) throw aborted();
    if (file !== original) await media.keep?.(stored.key, file).catch(() => undefined);
    const duration = Math.round(file.durationMs ?? 0);
    stored.request = {
      content: { caption: stored.content.caption ?? '', tags: stored.content.tags ?? [] },
      size_bytes: file.size,
      ...(duration > 0 && { duration_ms: duration }),
      ...(stored.tier && { max_resolution_tier: stored.tier }),
    };
    await save(stored);
    return file;
  }

  /** Sends what has not arrived yet; the server's word is asked after every interruption. */
  async function send(
    stored: Stored,
    file: MediaFile,
    options: UploadOptions,
    report: Report,
    isResumed: boolean,
  ): Promise<void> {
    const { signal } = options;
    const total = file.size;
    const step = Math.max(1, Math.round((options.chunkBytes ?? 16 * CHUNK) / CHUNK)) * CHUNK;
    const url = stored.made!.upload_url;
    const expires = Date.parse(stored.made!.expires_at);
    let arrived = 0;
    let isSure = !isResumed; // of what has arrived
    let failures = 0;
    for (;;) {
      if (signal?.aborted) throw aborted();
      const to = isSure ? Math.min(total, arrived + step) : arrived;
      await save(stored, whole('uploading', to / total));
      const answer = await media.put(
        url,
        file,
        { from: arrived, to, total },
        (bytes) => report('uploading', (arrived + bytes) / total),
        signal,
      );
      if (signal?.aborted) throw aborted();
      const { status } = answer;
      if (status === 200 || status === 201) return;
      if (status === 308) {
        const before = arrived;
        arrived = Number(/-(\d+)$/.exec(answer.range ?? '')?.[1] ?? -1) + 1;
        isSure = true;
        if (arrived > before) failures = 0;
        report('uploading', arrived / total);
        if (arrived > before || to === before) continue;
      } else if (status !== 0 && status !== 408 && status !== 429 && status < 500) {
        // Refused: the upload may have been completed by a request whose answer was lost.
        if (status !== 400 || !isSure || ++failures > 5) return;
      }
      isSure = false;
      if ((api.serverNow() ?? machine.now()) > expires) return;
      await wait(backoff(machine.random, ++failures, LONGEST_WAIT_MS), signal);
    }
  }

  async function settled(stored: Stored, signal: Signal | undefined, report: Report): Promise<UploadResult> {
    const { post_id, will_trim } = stored.made!;
    for (let looks = 1; ; looks++) {
      const { state, reason } = await persist(() => api.call<UploadState>('GET', `/v1/uploads/${post_id}`), signal);
      if (state === 'ready') {
        report('ready', 1);
        return { postId: post_id, state, willTrim: will_trim };
      }
      if (state === 'failed' || state === 'cancelled' || state === 'expired' || (state === 'waiting' && looks > 20)) {
        throw new FeedError(200, reason ?? `The upload is ${state}`);
      }
      const part = 1 - 6 / (looks + 6);
      await save(stored, whole('processing', part));
      report('processing', part);
      await wait(Math.min(5_000, 500 + 250 * looks), signal);
    }
  }

  async function run(stored: Stored, given: MediaFile | null, options: UploadOptions): Promise<UploadResult> {
    const { signal } = options;
    const report = reporter(stored, options);
    let file = given;
    running.add(stored.key);
    try {
      if (!file && !stored.sent) throw new FeedError(0, 'The file is gone');
      if (!stored.request) file = await prepare(stored, file!, options, report);
      if (!stored.made) {
        const headers = { 'idempotency-key': stored.key };
        const ask = () => api.call<UploadMade>('POST', '/v1/uploads', stored.request!, { headers });
        stored.made = await persist(ask, signal);
        await save(stored);
      }
      if (!stored.sent) {
        report('uploading', 0);
        const isResumed = stored.begun;
        stored.begun = true;
        await save(stored);
        await send(stored, file!, options, report, isResumed);
        stored.sent = true;
        await save(stored);
      }
      report('processing', 0);
      return await settled(stored, signal, report);
    } catch (problem) {
      if (signal?.aborted && stored.made) await api.request('DELETE', `/v1/uploads/${stored.made.post_id}`);
      throw problem;
    } finally {
      running.delete(stored.key);
      await drop(stored.key);
    }
  }

  return {
    async upload(uri, content, options = {}) {
      const key = machine.uuid();
      const tier = options.maxResolutionTier ?? null;
      const stored: Stored = {
        key,
        by: instance,
        content,
        tier,
        request: null,
        made: null,
        begun: false,
        sent: false,
        fraction: 0,
      };
      running.add(key);
      const file = await media.open(uri);
      await media.keep?.(key, file).then(
        () => save(stored),
        () => undefined,
      );
      return run(stored, file, options);
    },
    async resume(options = {}) {
      const found = await storage.entries(prefix).catch(() => []);
      const started: Promise<UploadResult>[] = [];
      for (const [, value] of found) {
        const stored = JSON.parse(value) as Stored;
        if (running.has(stored.key) || (stored.by !== instance && (await isAlive(stored.by)))) continue;
        stored.by = instance;
        await save(stored);
        const file = (await media.restore?.(stored.key).catch(() => null)) ?? null;
        started.push(run(stored, file, options));
      }
      return started;
    },
  };
}

function aborted(): Error {
  return Object.assign(new Error('The upload was cancelled'), { name: 'AbortError' });
}
