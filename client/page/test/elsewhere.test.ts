import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { ask } from '../src/elsewhere.js';

const globals = globalThis as unknown as { fetch: typeof fetch; location?: { origin: string } };
const { fetch: original } = globals;

/** Answers every request with `answer`, on a page whose origin is a phone's address of the gateway. */
function answering(answer: Response): void {
  globals.fetch = async () => answer;
  globals.location = { origin: 'http://192.168.1.7:8787' };
}

afterEach(() => {
  globals.fetch = original;
  delete globals.location;
});

for (const status of [204, 205, 304]) {
  test(`an answer of ${status} arrives without a body`, async () => {
    answering(new Response(null, { status, headers: { date: 'Thu, 01 Jan 2026 00:00:00 GMT' } }));
    const answer = await ask('/v1/uploads/1', { method: 'DELETE' });
    assert.equal(answer.status, status);
    assert.equal(answer.headers.get('date'), 'Thu, 01 Jan 2026 00:00:00 GMT');
    assert.equal(await answer.text(), '');
  });
}

test('media of the stack’s own machine are asked of the gateway', async () => {
  answering(Response.json({ hls_url: 'http://127.0.0.1:4567/a.m3u8' }, { status: 201 }));
  const answer = await ask('/v1/feed', { method: 'GET' });
  assert.equal(answer.status, 201);
  assert.deepEqual(await answer.json(), { hls_url: 'http://192.168.1.7:8787/media/a.m3u8' });
});
