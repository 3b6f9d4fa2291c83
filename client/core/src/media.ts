import type { Signal } from './platform.js';

/** A file as the platform holds it. */
export interface MediaFile {
  size: number;
  durationMs?: number | null;
}

/** How a platform reads, compresses and sends files. `F` is its kind of file. */
export interface Media<F extends MediaFile = MediaFile> {
  open(uri: unknown): Promise<F>;
  /** A smaller file; null where there is none to be had. Whatever it throws, the original is sent. */
  compress?(file: F, options: CompressOptions): Promise<F | null>;
  /**
   * Sends bytes `from` up to `to` (exclusive), or asks how many have arrived where both are equal.
   *
   * Never rejects but for an abort: an answer that did not come has status 0.
   */
  put(url: string, file: F, range: ByteRange, onSent: (bytes: number) => void, signal?: Signal): Promise<PutAnswer>;
  /** Keeps a file for a later run. */
  keep?(key: string, file: F): Promise<void>;
  restore?(key: string): Promise<F | null>;
  drop?(key: string): Promise<void>;
}

export interface CompressOptions {
  maxDurationMs: number;
  maxResolutionTier?: string;
  onProgress(fraction: number): void;
  signal?: Signal;
}

export interface ByteRange {
  from: number;
  to: number;
  total: number;
}

export interface PutAnswer {
  status: number;
  /** The header `Range` of a 308: `bytes=0-N`. */
  range: string | null;
}
