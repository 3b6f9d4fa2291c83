import type { CompressOptions } from '@vroom/feed';

export interface CompressRequest {
  blob: Blob;
  maxDurationMs: number;
  maxHeight: number;
}

export type CompressReply = { progress: number } | { done: Blob | null } | { failed: string };

const HEIGHTS: Record<string, number> = { '1080p': 1080, '1440p': 1440, '2160p': 2160 };

/**
 * Compresses a video in a worker.
 *
 * @returns the new file; null where a track of it would have been lost.
 * @throws where the browser cannot encode, or cannot read the file.
 */
export async function compressInWorker(url: string | URL, blob: Blob, options: CompressOptions): Promise<Blob | null> {
  const worker = new Worker(url);
  const request: CompressRequest = {
    blob,
    maxDurationMs: options.maxDurationMs,
    maxHeight: HEIGHTS[options.maxResolutionTier ?? '1080p'] ?? 1080,
  };
  try {
    return await new Promise<Blob | null>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<CompressReply>) => {
        if ('progress' in data) options.onProgress(data.progress);
        else if ('done' in data) resolve(data.done);
        else reject(new Error(data.failed));
      };
      worker.onerror = () => reject(new Error('The compressor does not run'));
      options.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      worker.postMessage(request);
    });
  } finally {
    worker.terminate();
  }
}
