import type { Media, MediaFile, PutAnswer, Signal } from '@vroom/feed';

import type { Database } from './idb.js';

/** A file of a browser. */
export interface WebFile extends MediaFile {
  blob: Blob;
}

const METADATA_PATIENCE_MS = 5_000;
const PUT_TIMEOUT_MS = 120_000;

/** The length that the browser finds in a file, in milliseconds; null where it finds none. */
export async function durationOf(blob: Blob): Promise<number | null> {
  const video = document.createElement('video');
  const url = URL.createObjectURL(blob);
  try {
    return await new Promise<number | null>((resolve) => {
      setTimeout(() => resolve(null), METADATA_PATIENCE_MS);
      video.preload = 'metadata';
      video.onloadedmetadata = () => resolve(Number.isFinite(video.duration) ? video.duration * 1000 : null);
      video.onerror = () => resolve(null);
      video.src = url;
    });
  } finally {
    video.removeAttribute('src');
    video.load();
    URL.revokeObjectURL(url);
  }
}

/** Sends a part of a file and tells how much of it has left, which `fetch` cannot tell. */
export function put(
  url: string,
  { blob }: WebFile,
  { from, to, total }: { from: number; to: number; total: number },
  onSent: (bytes: number) => void,
  signal?: Signal,
): Promise<PutAnswer> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const lost = () => resolve({ status: 0, range: null });
    request.open('PUT', url);
    request.setRequestHeader('content-range', from === to ? `bytes */${total}` : `bytes ${from}-${to - 1}/${total}`);
    request.upload.onprogress = ({ loaded }) => onSent(Math.min(loaded, to - from));
    request.onload = () => resolve({ status: request.status, range: request.getResponseHeader('range') });
    request.onerror = request.onabort = request.ontimeout = lost;
    request.timeout = PUT_TIMEOUT_MS;
    signal?.addEventListener('abort', () => request.abort());
    if (signal?.aborted) lost();
    else request.send(from === to ? null : blob.slice(from, to));
  });
}

/** Files of a browser: kept in IndexedDB until they are sent, so that an upload outlives a reload. */
export function webMedia(database: Database, worker?: string | URL): Media<WebFile> {
  return {
    async open(uri) {
      const blob = uri instanceof Blob ? uri : await (await fetch(String(uri))).blob();
      return { blob, size: blob.size, durationMs: await durationOf(blob) };
    },
    ...(worker && {
      async compress(file, options) {
        const { compressInWorker } = await import('./compress.js');
        const blob = await compressInWorker(worker, file.blob, options);
        if (!blob) return null;
        return { blob, size: blob.size, durationMs: (await durationOf(blob)) ?? file.durationMs ?? null };
      },
    }),
    put,
    async keep(key, { blob, durationMs }) {
      // A copy: a picked file is a reference, which may lead nowhere after a reload.
      const copy = new Blob([await blob.arrayBuffer()], { type: blob.type });
      await database.run('files', 'readwrite', (store) => store.put({ blob: copy, durationMs }, key));
    },
    async restore(key) {
      const kept = await database.run<{ blob: Blob; durationMs: number | null } | undefined>('files', 'readonly', (store) =>
        store.get(key),
      );
      return kept ? { ...kept, size: kept.blob.size } : null;
    },
    drop: (key) => database.run('files', 'readwrite', (store) => store.delete(key)),
  };
}
