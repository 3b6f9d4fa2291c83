export * from '@vroom/feed';
export { createWebClient, type WebClientOptions } from './client.js';
export { Database, indexedDbStorage } from './idb.js';
export type { WebFile } from './media.js';
export { PlayerPool, type PoolOptions } from './players.js';
export { VisibilityObserver } from './viewability.js';
