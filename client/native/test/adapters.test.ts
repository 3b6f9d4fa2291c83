import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { visibleFractions } from '../src/fractions.js';
import { nativeMedia, type Compressor, type FileSystem } from '../src/media.js';
import { NativePlayerPool, type NativePlayer } from '../src/pool.js';
import { asyncStorage, type KeyValueStore } from '../src/storage.js';

test('two halves of a screenful are two halves', () => {
  const screenful = (index: number) => ({ top: index * 800, height: 800 });
  assert.deepEqual(visibleFractions(400, 800, 10, screenful), [
    [0, 0.5],
    [1, 0.5],
  ]);
  assert.deepEqual(visibleFractions(1_600, 800, 10, screenful), [[2, 1]]);
});

test('a post that is taller than two screens counts by the screen that it fills', () => {
  assert.deepEqual(
    visibleFractions(900, 800, 1, () => ({ top: 0, height: 2_400 })),
    [[0, 1]],
  );
});

test('fractions are those of every item looked at one by one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 2_000 }), { maxLength: 30 }),
      fc.integer({ min: -500, max: 20_000 }),
      fc.integer({ min: 1, max: 1_500 }),
      (heights, offset, viewport) => {
        const tops = heights.map((_, index) => heights.slice(0, index).reduce((sum, height) => sum + height, 0));
        const frame = (index: number) => ({ top: tops[index]!, height: heights[index]! });
        const expected = heights.flatMap((height, index) => {
          const visible = Math.min(tops[index]! + height, offset + viewport) - Math.max(tops[index]!, offset);
          return visible > 0 ? [[index, Math.min(1, Math.max(visible / height, visible / viewport))]] : [];
        });
        assert.deepEqual(visibleFractions(offset, viewport, heights.length, frame), expected);
      },
    ),
  );
});

test('rows are found by their prefix', async () => {
  const kept = new Map<string, string>();
  const store: KeyValueStore = {
    getAllKeys: async () => [...kept.keys()],
    multiGet: async (keys) => keys.map((key) => [key, kept.get(key) ?? null] as const),
    multiSet: async (entries) => entries.forEach(([key, value]) => kept.set(key, value)),
    multiRemove: async (keys) => keys.forEach((key) => kept.delete(key)),
  };
  const storage = asyncStorage(store);
  await storage.set([
    ['vroom/a/o/1', 'one'],
    ['vroom/b/o/1', 'other'],
  ]);
  assert.deepEqual(await storage.entries('vroom/a/'), [['vroom/a/o/1', 'one']]);
  await storage.remove(['vroom/a/o/1']);
  assert.deepEqual(await storage.entries('vroom/a/'), []);
});

class FakePlayer implements NativePlayer {
  loop = false;
  muted = false;
  currentTime = 0;
  duration = 10;
  playing = false;
  timeUpdateEventInterval = 0;
  source: string | null = null;
  released = false;
  listeners = new Map<string, (given: never) => void>();
  play() {
    this.playing = true;
  }
  pause() {
    this.playing = false;
  }
  async replaceAsync(source: string | null) {
    this.source = source;
  }
  addListener(event: string, listener: (given: never) => void) {
    this.listeners.set(event, listener);
    return { remove: () => void this.listeners.delete(event) };
  }
  release() {
    this.released = true;
  }
}

const post = (number: number) =>
  ({ key: `p${number}`, post_id: `p${number}`, hls_url: `https://stream/${number}.m3u8`, duration_ms: 10_000 }) as never;

test('three players serve any list, the current one plays, and its neighbours are loaded', () => {
  const players: FakePlayer[] = [];
  const told: [string, number][] = [];
  const pool = new NativePlayerPool<FakePlayer>(
    () => {
      players.push(new FakePlayer());
      return players.at(-1)!;
    },
    { playback: (postId, { positionMs }) => void told.push([postId, positionMs]) },
  );
  for (let index = 1; index < 50; index++) {
    pool.show(post(index), [post(index + 1), post(index - 1)]);
    assert.deepEqual(
      players.filter(({ playing }) => playing).map(({ source }) => source),
      [`https://stream/${index}.m3u8`],
    );
    assert.equal(pool.playerOf(post(index + 1))?.source, `https://stream/${index + 1}.m3u8`);
  }
  assert.equal(players.length, 3);
  const current = pool.playerOf(post(49))!;
  current.currentTime = 2.5;
  current.listeners.get('timeUpdate')!({ currentTime: 2.5 } as never);
  assert.deepEqual(told.at(-1), ['p49', 2_500]);
  pool.release();
  assert.ok(players.every(({ released, listeners }) => released && listeners.size === 0));
});

function files(sizes: Record<string, number>): FileSystem {
  return {
    sizeOf: (uri) => sizes[uri] ?? 0,
    read: async (_, from, to) => new Uint8Array(to - from),
    addressOf: (name) => `kept/${name}`,
    copy: async (uri, name) => void (sizes[`kept/${name}`] = sizes[uri]!),
    remove: async (name) => void delete sizes[`kept/${name}`],
  };
}

const compressor = (lengths: Record<string, number>): Compressor => ({
  compress: async () => 'small',
  durationOf: async (uri) => lengths[uri]!,
  cancel: () => undefined,
});

test('a part of a file is sent as its range, and a lost answer is none', async () => {
  const sent: [string, number][] = [];
  const media = nativeMedia(
    files({ video: 1_000 }),
    async (_, { headers, body }) => {
      sent.push([headers['content-range']!, body?.length ?? 0]);
      if (sent.length > 2) throw new TypeError('Network request failed');
      return { status: 308, headers: { get: () => 'bytes=0-399' } };
    },
    null,
  );
  const file = await media.open('video');
  assert.deepEqual(await media.put('url', file, { from: 0, to: 400, total: 1_000 }, () => undefined), { status: 308, range: 'bytes=0-399' });
  await media.put('url', file, { from: 400, to: 400, total: 1_000 }, () => undefined);
  const lost = await media.put('url', file, { from: 400, to: 800, total: 1_000 }, () => undefined);
  assert.deepEqual(sent, [['bytes 0-399/1000', 400], ['bytes */1000', 0], ['bytes 400-799/1000', 400]]);
  assert.deepEqual(lost, { status: 0, range: null });
});

test('what ends too early or is too long to be cut is sent as it is', async () => {
  const options = { maxDurationMs: 180_000, onProgress: () => undefined };
  const of = (lengths: Record<string, number>) => nativeMedia(files({ video: 1_000, small: 300 }), fetch as never, compressor(lengths));
  const good = of({ video: 20_000, small: 20_100 });
  assert.equal((await good.compress!(await good.open('video'), options))?.size, 300);
  const broken = of({ video: 20_000, small: 9_000 });
  assert.equal(await broken.compress!(await broken.open('video'), options), null);
  const long = of({ video: 240_000, small: 240_000 });
  assert.equal(await long.compress!(await long.open('video'), options), null);
});

test('a kept file is found again by another run', async () => {
  const sizes = { video: 1_000 };
  const first = nativeMedia(files(sizes), fetch as never, null);
  await first.keep!('key', await first.open('video'));
  const second = nativeMedia(files(sizes), fetch as never, null);
  assert.equal((await second.restore!('key'))?.size, 1_000);
  await second.drop!('key');
  assert.equal(await second.restore!('key'), null);
});
