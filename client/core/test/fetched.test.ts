import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { createApi } from '../src/api.js';
import { fetchedMedia } from '../src/fetched.js';
import type { MediaFile } from '../src/media.js';
import { machine, memoryStorage } from '../src/platform.js';
import { createUploads } from '../src/upload.js';
import { id } from './world.js';

const CHUNK = 256 * 1024;
const media = fetchedMedia(machine({}));

/** An API and an address that takes files by ranges; it drops the connection of every third PUT. */
async function served<T>(use: (base: string, arrived: () => Buffer) => Promise<T>): Promise<T> {
  let puts = 0;
  let arrived = Buffer.alloc(0);
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const base = `http://${request.headers.host}`;
    if (request.url === '/file') return response.end('the file');
    if (request.url === '/v1/uploads') {
      const made = { post_id: id(1), upload_id: 'u', upload_url: `${base}/put`, expires_at: '2099-01-01T00:00:00Z' };
      return response.writeHead(201).end(JSON.stringify({ ...made, max_duration_ms: 180_000, will_trim: false }));
    }
    if (request.url !== '/put') {
      const known = request.url === `/v1/uploads/${id(1)}`;
      return response.writeHead(known ? 200 : 404).end(JSON.stringify({ post_id: id(1), state: 'ready', reason: null }));
    }
    assert.equal(request.headers.authorization, undefined, 'the address takes no token');
    // The connection itself: a request that was read whole leaves it open when it is destroyed.
    if (++puts % 3 === 0) return request.socket.destroy();
    const [, from = '', total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(request.headers['content-range']!)!;
    if (from) assert.equal(Number(from), arrived.length, 'no gap is left, and nothing comes twice');
    arrived = Buffer.concat([arrived, body]);
    if (arrived.length === Number(total)) return response.end();
    response.writeHead(308, arrived.length ? { range: `bytes=0-${arrived.length - 1}` } : {}).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => arrived);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a client that no media was given to sends a blob by fetch, over lost connections', () =>
  served(async (base, arrived) => {
    const own = { ...machine({}), random: () => 0 };
    const api = createApi(base, () => 'token', own);
    const uploads = createUploads(api, own, memoryStorage(), 'u/', undefined, 'me', async () => false);
    const bytes = Buffer.alloc(3 * CHUNK + 7, 'abc');
    const fractions: number[] = [];
    const result = await uploads.upload(new Blob([bytes]), {}, {
      chunkBytes: CHUNK,
      onProgress: ({ fraction }) => fractions.push(fraction),
    });
    assert.deepEqual(result, { postId: id(1), state: 'ready', willTrim: false });
    assert.ok(arrived().equals(bytes));
    assert.ok(fractions.every((fraction, index) => index === 0 || fraction >= fractions[index - 1]!));
  }));

test('an address is read by fetch, as text or as a URL', () =>
  served(async (base) => {
    assert.equal((await media.open(`${base}/file`)).size, 8);
    assert.equal((await media.open(new URL(`${base}/file`))).size, 8);
    await assert.rejects(media.open(`${base}/nothing`), /The file cannot be read/);
  }));

test('what does not arrive has status 0, also where it was cancelled', async () => {
  const file: MediaFile & { blob: Blob } = { size: 1, blob: new Blob(['x']) };
  const range = { from: 0, to: 1, total: 1 };
  const lost = { status: 0, range: null };
  assert.deepEqual(await media.put('http://127.0.0.1:1/', file as never, range, () => undefined), lost);
  await served(async (base) => {
    const abort = new AbortController();
    abort.abort();
    assert.deepEqual(await media.put(`${base}/put`, file as never, range, () => undefined, abort.signal), lost);
  });
});
