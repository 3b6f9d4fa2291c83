export * from '@vroom/feed';
export { createNativeClient, type NativeClientOptions } from './client';
export { FeedList, type FeedListProps } from './FeedList';
export { visibleFractions } from './fractions';
export { nativeMedia, type Compressor, type FileSystem, type NativeFile } from './media';
export { NativePlayerPool, type NativePlayer } from './pool';
export { asyncStorage, type KeyValueStore } from './storage';
export { useFeed, type FeedHook } from './useFeed';
