import type { Media, MediaFile, PutAnswer } from '@vroom/feed';

/** A file of the phone. */
export interface NativeFile extends MediaFile {
  uri: string;
}

/** The part of expo-file-system that is used. Kept files have names; the system does not clear them. */
export interface FileSystem {
  sizeOf(uri: string): number;
  /** Reads bytes `from` up to `to`, exclusive. */
  read(uri: string, from: number, to: number): Promise<Uint8Array>;
  addressOf(name: string): string;
  copy(uri: string, name: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The part of react-native-compressor that is used. */
export interface Compressor {
  compress(uri: string, options: { maxSize: number }, onProgress: (fraction: number) => void): Promise<string>;
  /** A video's length in milliseconds. */
  durationOf(uri: string): Promise<number>;
  cancel(): void;
}

type Send = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: Uint8Array },
) => Promise<{ status: number; headers: { get(name: string): string | null } }>;

const SIZES: Record<string, number> = { '1080p': 1920, '1440p': 2560, '2160p': 3840 };
const SAME_LENGTH_MS = 1_000;

/**
 * Files of a phone.
 *
 * The compressor cannot cut: of what is longer than three minutes the original is sent, and the server cuts.
 */
export function nativeMedia(files: FileSystem, send: Send, compressor: Compressor | null): Media<NativeFile> {
  async function open(uri: string): Promise<NativeFile> {
    const durationMs = (await compressor?.durationOf(uri).catch(() => null)) ?? null;
    return { uri, size: files.sizeOf(uri), durationMs };
  }
  return {
    open: (uri) => open(String(uri)),
    ...(compressor && {
      async compress(file, { maxDurationMs, maxResolutionTier, onProgress, signal }) {
        if ((file.durationMs ?? 0) > maxDurationMs) return null;
        signal?.addEventListener('abort', () => compressor.cancel());
        const maxSize = SIZES[maxResolutionTier ?? '1080p'] ?? 1920;
        const made = await open(await compressor.compress(file.uri, { maxSize }, onProgress));
        // An encoder that failed half-way leaves a file that ends too early.
        const isWhole = !file.durationMs || Math.abs((made.durationMs ?? 0) - file.durationMs) < SAME_LENGTH_MS;
        return isWhole ? made : null;
      },
    }),
    async put(url, file, { from, to, total }, onSent): Promise<PutAnswer> {
      const range = from === to ? `bytes */${total}` : `bytes ${from}-${to - 1}/${total}`;
      try {
        const body = from === to ? null : await files.read(file.uri, from, to);
        const answer = await send(url, { method: 'PUT', headers: { 'content-range': range }, ...(body && { body }) });
        onSent(to - from);
        return { status: answer.status, range: answer.headers.get('range') };
      } catch {
        return { status: 0, range: null };
      }
    },
    keep: (key, file) => files.copy(file.uri, key),
    async restore(key) {
      const uri = files.addressOf(key);
      const size = files.sizeOf(uri);
      return size > 0 ? { uri, size, durationMs: (await open(uri)).durationMs } : null;
    },
    drop: (key) => files.remove(key),
  };
}
