import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import type { Media, MediaFile } from '../src/media.js';
import type { UploadProgress, UploadResult } from '../src/upload.js';
import { id, VIEWER, World } from './world.js';

const CHUNK = 256 * 1024;
const URL = 'https://upload.example/secret';
const YEAR_LATER = '2027-01-01T00:00:00Z';

type Fate = 'good' | 'cut' | 'answer lost' | 'busy';

/** An address that takes a file by ranges, as Mux's do, and a disk that keeps files. */
class Files {
  received = 0;
  puts = 0;
  overlaps = 0;
  fates: Fate[] = [];
  kept = new Map<string, MediaFile>();
  compressed: MediaFile | null | Error = null;
  openings = 0;

  constructor(readonly world: World) {}

  media(program: { dead: boolean }): Media {
    return {
      open: async (uri) => {
        this.openings++;
        return { size: Number(uri), durationMs: 42_000 };
      },
      compress: async () => {
        if (this.compressed instanceof Error) throw this.compressed;
        return this.compressed;
      },
      keep: async (key, file) => void this.kept.set(key, { ...file }),
      restore: async (key) => this.kept.get(key) ?? null,
      drop: async (key) => void this.kept.delete(key),
      put: async (_url, _file, { from, to, total }, onSent, signal) => {
        if (program.dead) await new Promise(() => undefined);
        if (signal?.aborted) throw new Error('aborted');
        this.puts++;
        const fate = this.fates.shift() ?? 'good';
        if (fate === 'busy') return { status: 503, range: null };
        assert.ok(to === total || (to - from) % CHUNK === 0, 'all but the last are multiples of 256 KiB');
        assert.ok(from <= this.received, 'no gap is left');
        if (from < this.received && to > from) this.overlaps++;
        onSent((to - from) / 2);
        const arrives = fate === 'cut' ? from + Math.floor((to - from) / 2 / CHUNK) * CHUNK : to;
        if (to > from) this.received = Math.max(this.received, arrives);
        if (fate !== 'good') return { status: 0, range: null };
        onSent(to - from);
        if (this.received === total) return { status: 200, range: null };
        return { status: 308, range: this.received ? `bytes=0-${this.received - 1}` : null };
      },
    };
  }
}

function begin(files: Files, world: World) {
  let looks = 0;
  world.server.answer = ({ method, path, body }) => {
    if (method === 'POST' && path === '/v1/uploads') {
      created.push(body!);
      return {
        status: 201,
        body: {
          post_id: id(1),
          upload_id: 'u',
          upload_url: URL,
          expires_at: YEAR_LATER,
          max_duration_ms: 180_000,
          will_trim: false,
        },
      };
    }
    if (method === 'GET' && path === `/v1/uploads/${id(1)}`) {
      return { status: 200, body: { post_id: id(1), state: looks++ < 2 ? 'processing' : 'ready', reason: null } };
    }
    return method === 'DELETE' ? { status: 204 } : null;
  };
  const created: Record<string, unknown>[] = [];
  const program = world.run();
  program.kill();
  return created;
}

function running(world: World, files: Files) {
  const shared = { dead: false };
  const program = world.run({ media: async () => files.media(shared) });
  const kill = program.kill;
  program.kill = () => {
    shared.dead = true;
    kill();
  };
  return program;
}

function isRising(progress: UploadProgress[]): void {
  progress.reduce((before, { fraction }) => {
    assert.ok(fraction >= before, `${fraction} after ${before}`);
    return fraction;
  }, 0);
}

test('a file is sent by ranges, and its post is waited for', async () => {
  const world = new World();
  const files = new Files(world);
  const created = begin(files, world);
  const { client } = running(world, files);
  const progress: UploadProgress[] = [];
  const result = await world.done(
    client.uploadVideo(10 * CHUNK + 5, { content: { caption: 'Hi' }, userId: VIEWER }, {
      chunkBytes: 2 * CHUNK,
      maxResolutionTier: '1080p',
      onProgress: (one) => progress.push(one),
    }),
  );
  assert.deepEqual(result, { postId: id(1), state: 'ready', willTrim: false });
  assert.deepEqual(created, [
    {
      content: { caption: 'Hi', tags: [] },
      size_bytes: 10 * CHUNK + 5,
      duration_ms: 42_000,
      max_resolution_tier: '1080p',
    },
  ]);
  assert.equal(files.puts, 6);
  assert.deepEqual([...new Set(progress.map(({ phase }) => phase))], ['compressing', 'uploading', 'processing', 'ready']);
  isRising(progress);
  assert.equal(progress.at(-1)!.fraction, 1);
  assert.equal(files.kept.size + world.disk.kept.size, 0);
});

test('the smaller file is sent only where it is smaller by a tenth', async () => {
  for (const [compressed, sent] of [
    [{ size: 700_000 }, 700_000],
    [{ size: 950_000 }, 1_000_000],
    [null, 1_000_000],
    [new Error('no encoder'), 1_000_000],
  ] as const) {
    const world = new World();
    const files = new Files(world);
    files.compressed = compressed;
    const created = begin(files, world);
    const { client } = running(world, files);
    await world.done(client.uploadVideo(1_000_000, { userId: VIEWER }));
    assert.equal(created[0]!['size_bytes'], sent);
    assert.equal(files.received, sent);
  }
});

test('an address whose answer was lost is asked for again under the same key', async () => {
  const world = new World();
  const files = new Files(world);
  const created = begin(files, world);
  const { client } = running(world, files);
  world.server.network = 'answers lost';
  const upload = client.uploadVideo(CHUNK, { userId: VIEWER });
  await world.time.pass(10);
  world.server.network = 'good';
  await world.done(upload);
  assert.equal(created.length, 2);
});

test('a cancelled upload is cancelled at the server, and nothing of it stays', async () => {
  const world = new World();
  const files = new Files(world);
  begin(files, world);
  const { client } = running(world, files);
  const abort = new AbortController();
  files.fates = Array.from({ length: 50 }, () => 'busy');
  const upload = client.uploadVideo(40 * CHUNK, { userId: VIEWER }, { signal: abort.signal });
  await world.time.pass(2_000);
  abort.abort();
  await assert.rejects(world.done(upload), { name: 'AbortError' });
  assert.equal(world.server.calls.filter(({ method }) => method === 'DELETE').length, 1);
  assert.equal(files.kept.size + world.disk.kept.size, 0);
});

test('an upload that failed says why', async () => {
  const world = new World();
  const files = new Files(world);
  begin(files, world);
  const usual = world.server.answer;
  world.server.answer = (call) =>
    call.method === 'GET' ? { status: 200, body: { post_id: id(1), state: 'failed', reason: 'no picture' } } : usual(call);
  const { client } = running(world, files);
  await assert.rejects(world.done(client.uploadVideo(CHUNK, { userId: VIEWER })), /no picture/);
});

test('cut, lost, refused and killed anywhere: the file arrives whole, and progress never falls', async () => {
  const fate = fc.constantFrom<Fate>('good', 'cut', 'answer lost', 'busy');
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { maxLength: 15 }),
      fc.integer({ min: 1, max: 30 * CHUNK }),
      fc.array(fc.integer({ min: 0, max: 4_000 }), { maxLength: 3 }),
      async (fates, size, kills) => {
        const world = new World();
        const files = new Files(world);
        files.fates = fates;
        begin(files, world);
        let program = running(world, files);
        const progress: UploadProgress[] = [];
        const settings = { chunkBytes: 4 * CHUNK, onProgress: (one: UploadProgress) => progress.push(one) };
        let upload: Promise<UploadResult> = program.client.uploadVideo(size, { userId: VIEWER }, settings);
        for (const after of kills) {
          await world.time.pass(after);
          program.kill();
          if (![...world.disk.kept.keys()].some((key) => key.includes('/u/'))) return; // it was over
          program = running(world, files);
          const resumed = await world.done(program.client.resumeUploads(settings));
          assert.equal(resumed.length, 1);
          upload = resumed[0]!;
        }
        const result = await world.done(upload);
        assert.equal(result.state, 'ready');
        assert.equal(files.received, size);
        isRising(progress);
        assert.equal(files.kept.size, 0);
      },
    ),
    { numRuns: Number(process.env['RUNS'] ?? 150) },
  );
});
