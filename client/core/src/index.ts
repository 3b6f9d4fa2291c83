export { createClient, type Client, type ViewToken } from './client.js';
export type { PageResult } from './feed.js';
export type { ByteRange, CompressOptions, Media, MediaFile, PutAnswer } from './media.js';
export { backoff, memoryStorage, type Fetch, type FeedStorage, type Machine, type Signal } from './platform.js';
export type { Tracker, Viewability } from './tracker.js';
export * from './types.js';
export type {
  UploadContent,
  UploadOptions,
  UploadPhase,
  UploadProgress,
  UploadResult,
} from './upload.js';
