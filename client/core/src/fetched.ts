import type { Media, MediaFile } from './media.js';
import { globals, type Machine } from './platform.js';

const PUT_TIMEOUT_MS = 120_000;

/** The part of a Blob that is used. */
interface Bytes {
  size: number;
  slice(from: number, to: number): Bytes;
}

interface FetchedFile extends MediaFile {
  blob: Bytes;
}

/** Files as blobs, sent by `fetch` as they are: for a client that no `media` was given to. */
export function fetchedMedia({ fetch, after }: Machine): Media<FetchedFile> {
  async function read(uri: string): Promise<Bytes> {
    const answer = await fetch(uri, { method: 'GET', headers: {} });
    if (answer.status >= 400) throw new Error('The file cannot be read');
    return (answer as unknown as { blob(): Promise<Bytes> }).blob();
  }

  return {
    async open(uri) {
      const blob = (uri as Bytes).size === undefined ? await read(String(uri)) : (uri as Bytes);
      return { blob, size: blob.size };
    },
    async put(url, { blob }, { from, to, total }, onSent, signal) {
      const abort = globals.AbortController ? new globals.AbortController() : null;
      const cancel = () => abort?.abort();
      const stop = after(PUT_TIMEOUT_MS, cancel);
      signal?.addEventListener('abort', cancel);
      if (signal?.aborted) cancel();
      try {
        const answer = await fetch(url, {
          method: 'PUT',
          headers: { 'content-range': from === to ? `bytes */${total}` : `bytes ${from}-${to - 1}/${total}` },
          // The core knows no Blob; every `fetch` sends one.
          ...(from < to && { body: blob.slice(from, to) as unknown as string }),
          ...(abort && { signal: abort.signal }),
        });
        onSent(to - from);
        return { status: answer.status, range: answer.headers.get('range') };
      } catch {
        return { status: 0, range: null };
      } finally {
        stop();
        signal?.removeEventListener('abort', cancel);
      }
    },
  };
}
