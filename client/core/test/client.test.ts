import assert from 'node:assert/strict';
import { test } from 'node:test';

import { FeedError } from '../src/types.js';
import { id, reply, START, VIEWER, World } from './world.js';

const keys = (posts: readonly { key: string }[]) => posts.map(({ key }) => key);

test('the first page is that of the session that was started', async () => {
  const world = new World();
  const { client } = await world.watching({ device: 'phone', timezone: 'Europe/Berlin' });
  assert.deepEqual(
    world.server.calls.map(({ method, path }) => `${method} ${path}`),
    [
      'POST /v1/sessions',
      'GET /v1/feed?device=phone&timezone=Europe%2FBerlin&page_size=12&session_id=00000000-0000-4000-8000-0000000000aa',
    ],
  );
  assert.equal(client.posts.length, 12);
});

test('a server without sessions starts one with its first page', async () => {
  const world = new World();
  world.server.hasSessions = false;
  const { client } = await world.watching();
  assert.equal(client.posts.length, 12);
  assert.ok(client.state.session?.session_id);
});

test('three callers at once share one request, also where no session was started', async () => {
  const world = new World();
  const { client } = world.run();
  const pages = await world.done(
    Promise.all([1, 2, 3].map(() => client.personalizedFeed.getPersonalizedFeed(VIEWER, 12))),
  );
  assert.equal(new Set(pages).size, 1);
  assert.equal(world.server.calledFor('/v1/sessions').length, 1);
  assert.equal(world.server.calledFor('/v1/feed?').length, 1);
});

test('a page that a refresh overtook is dropped, and its caller gets the new one', async () => {
  const world = new World();
  const { client } = await world.watching();
  world.server.network = 'late';
  const late = client.personalizedFeed.getPersonalizedFeed();
  await world.time.pass(10);
  world.server.network = 'good';
  const refreshed = await world.done(client.personalizedFeed.refresh());
  const page = await world.done(late);
  assert.equal(client.posts.length, 12);
  assert.deepEqual(keys(client.posts), keys(refreshed.posts));
  assert.ok(page.posts.length === 12);
});

test('the next page is fetched once three posts are left', async () => {
  const world = new World();
  const { client } = await world.watching();
  client.tracker.visible(client.posts[7]!.key, 1);
  await world.time.pass(10);
  assert.equal(client.posts.length, 12);
  client.tracker.visible(client.posts[8]!.key, 1);
  await world.time.pass(10);
  assert.equal(client.posts.length, 24);
});

test('a prefetch that failed is repeated without being asked', async () => {
  const world = new World();
  const { client } = await world.watching();
  world.server.network = 'offline';
  client.tracker.visible(client.posts[10]!.key, 1);
  await world.time.pass(3_000);
  assert.equal(client.posts.length, 12);
  assert.ok(client.state.error instanceof FeedError);
  world.server.network = 'good';
  await world.time.pass(60_000);
  assert.equal(client.posts.length, 24);
  assert.equal(client.state.error, null);
});

test('a post stands in the list once; a recycled one again, under a key of its own', async () => {
  const world = new World();
  world.server.pool = 18;
  const { client } = await world.watching();
  await world.done(client.personalizedFeed.getPersonalizedFeed());
  assert.equal(client.posts.length, 18);
  world.server.recycled = true;
  await world.done(client.personalizedFeed.getPersonalizedFeed());
  assert.equal(client.posts.length, 30);
  assert.equal(new Set(keys(client.posts)).size, 30);
  assert.equal(client.posts[18]!.key, `${client.posts[18]!.post_id}:2:0`);
});

test('a refused cursor starts a new session', async () => {
  const world = new World();
  const { client } = await world.watching();
  let refusals = 0;
  world.server.answer = ({ path }) =>
    path.includes('cursor=') && refusals++ === 0 ? { status: 400, body: { detail: 'cursor' } } : null;
  await world.done(client.personalizedFeed.getPersonalizedFeed());
  assert.equal(world.server.calledFor('/v1/sessions').length, 2);
  assert.equal(client.posts.length, 12);
});

test('half of a post for half a second is an impression, once a showing', async () => {
  const world = new World();
  const { client } = await world.watching();
  const [first, second] = client.posts;
  client.tracker.visible(first!.key, 0.49);
  client.tracker.visible(second!.key, 0.5);
  await world.time.pass(499);
  assert.equal(client.state.outbox.length, 0);
  await world.time.pass(1);
  assert.deepEqual(
    client.state.outbox.map(({ body }) => [body['post_id'], body['visible_ms']]),
    [[second!.post_id, 500]],
  );
  client.tracker.visible(second!.key, 0.2);
  client.tracker.visible(second!.key, 0.9);
  await world.time.pass(900);
  client.tracker.visible(second!.key, 0);
  assert.deepEqual(
    client.state.outbox.map(({ body }) => body['visible_ms']),
    [1_400],
  );
  client.tracker.visible(second!.key, 1);
  await world.time.pass(500);
  assert.equal(client.state.outbox.length, 2);
});

test('two looks of 200 ms are none of 500, and 25 flickers in 800 ms are none', async () => {
  const world = new World();
  const { client } = await world.watching();
  const { key } = client.posts[0]!;
  client.tracker.visible(key, 1);
  await world.time.pass(200);
  client.tracker.visible(key, 0);
  await world.time.pass(100);
  client.tracker.visible(key, 1);
  await world.time.pass(200);
  client.tracker.visible(key, 0.1);
  for (let flicker = 0; flicker < 25; flicker++) {
    client.tracker.visible(key, flicker % 2 ? 0.48 : 0.52);
    await world.time.pass(32);
  }
  client.tracker.visible(key, 0);
  await world.time.pass(30_000);
  assert.equal(world.server.events.size, 0);
});

test('a change among the visible starts nobody else’s time anew', async () => {
  const world = new World();
  const { client } = await world.watching();
  const token = (index: number) => ({ item: client.posts[index]!, isViewable: true });
  client.handleViewabilityChange({ viewableItems: [token(0)] });
  await world.time.pass(300);
  client.handleViewabilityChange({ viewableItems: [token(0), token(1)] });
  await world.time.pass(200);
  assert.deepEqual(
    client.state.outbox.map(({ body }) => body['post_id']),
    [client.posts[0]!.post_id],
  );
});

test('a post that is on screen when the list is replaced counts for the session that showed it', async () => {
  const world = new World();
  const { client } = await world.watching();
  const { key, post_id } = client.posts[0]!;
  client.tracker.visible(key, 1);
  await world.time.pass(200);
  await world.done(client.personalizedFeed.refresh());
  await world.time.pass(500);
  assert.deepEqual(
    client.state.outbox.map(({ body }) => body['post_id']),
    [post_id],
  );
});

test('nothing is seen while the app is not in front', async () => {
  const world = new World();
  const { client } = await world.watching();
  client.tracker.visible(client.posts[0]!.key, 1);
  await world.time.pass(400);
  client.setForeground(false);
  await world.time.pass(5_000);
  client.setForeground(true);
  await world.time.pass(499);
  assert.equal(client.state.outbox.length, 0);
  await world.time.pass(1);
  assert.equal(client.state.outbox.length, 1);
});

test('rows wait two seconds for others, ten at most, and go in one request', async () => {
  const world = new World();
  const { client } = await world.watching();
  const begun = world.time.clock;
  for (let index = 0; index < 12; index++) {
    client.tracker.visible(client.posts[index]!.key, 1);
    await world.time.pass(1_000);
    client.tracker.visible(client.posts[index]!.key, 0);
  }
  await world.time.pass(3_000);
  const [first, ...others] = world.server.calledFor('/v1/impressions');
  assert.equal(first!.at - begun, 10_500);
  assert.equal((first!.body!['impressions'] as object[]).length, 10);
  assert.equal(others.length, 1);
});

test('a hundred rows are the most of a request', async () => {
  const world = new World();
  world.server.network = 'offline';
  const { client } = world.run({ pageSize: 50 });
  world.server.network = 'good';
  await world.done(client.personalizedFeed.getPersonalizedFeed(VIEWER, 50));
  world.server.network = 'offline';
  for (let round = 0; round < 5; round++) {
    for (const { key } of client.posts.slice(0, 50)) client.tracker.visible(key, 1);
    await world.time.pass(600);
    for (const { key } of client.posts) client.tracker.visible(key, 0);
  }
  world.server.network = 'good';
  await world.done(client.flush());
  const sizes = world.server.calledFor('/v1/impressions').map(({ body }) => (body!['impressions'] as object[]).length);
  assert.deepEqual(sizes, [100, 100, 50]);
  assert.equal(world.server.events.size, 250);
});

test('a time that the server named is kept, however often one is asked to flush', async () => {
  const world = new World();
  const { client } = await world.watching();
  world.server.network = 'busy';
  client.tracker.visible(client.posts[0]!.key, 1);
  await world.time.pass(2_600);
  world.server.network = 'good';
  await client.flush();
  await world.time.pass(6_000);
  await client.flush();
  assert.equal(world.server.events.size, 0);
  await world.time.pass(1_000);
  assert.equal(world.server.events.size, 1);
});

test('a refused token is asked for once more', async () => {
  const world = new World();
  const { client } = await world.watching();
  world.server.token = 2;
  client.tracker.visible(client.posts[0]!.key, 1);
  await world.time.pass(3_000);
  assert.equal(world.server.events.size, 1);
});

test('a page of a network’s login is no answer', async () => {
  const world = new World();
  const { client } = await world.watching();
  world.server.network = 'portal';
  client.tracker.visible(client.posts[0]!.key, 1);
  await world.time.pass(4_000);
  assert.equal(client.state.outbox.length, 1);
  world.server.network = 'good';
  await world.done(client.flush());
  assert.equal(world.server.events.size, 1);
});

test('a wrong clock is corrected by the server’s', async () => {
  for (const wrongBy of [-40 * 86_400_000, 3 * 3_600_000]) {
    const world = new World();
    world.wrongBy = wrongBy;
    const { client } = await world.watching();
    client.tracker.visible(client.posts[0]!.key, 1);
    await world.time.pass(500);
    const right = Date.UTC(2026, 0, 1) + world.time.clock;
    await world.time.pass(2_500);
    const [row] = [...world.server.events.values()];
    assert.ok(Math.abs(Date.parse(row!['seen_at'] as string) - right) < 1_000);
  }
});

test('a wrong clock is corrected by the date of answers alone, where the server has no sessions', async () => {
  for (const wrongBy of [-40 * 86_400_000, 3 * 3_600_000]) {
    const world = new World();
    world.server.hasSessions = false;
    world.wrongBy = wrongBy;
    const { client } = await world.watching();
    client.tracker.visible(client.posts[0]!.key, 1);
    await world.time.pass(500);
    const right = START + world.time.clock;
    await world.time.pass(2_500);
    const [row] = [...world.server.events.values()];
    // The header counts whole seconds.
    assert.ok(Math.abs(Date.parse(row!['seen_at'] as string) - right) <= 1_000);
  }
});

test('one bad row sinks no others', async () => {
  const world = new World();
  const { client } = await world.watching();
  const bad = client.posts[2]!.post_id;
  world.server.answer = ({ path, body }) => {
    const rows = body?.['impressions'] as { post_id: string }[] | undefined;
    return path === '/v1/impressions' && rows!.some(({ post_id }) => post_id === bad) ? { status: 400 } : null;
  };
  for (const { key } of client.posts.slice(0, 5)) client.tracker.visible(key, 1);
  await world.time.pass(500);
  await world.done(client.flush());
  assert.equal(world.server.events.size, 4);
  assert.equal(client.state.outbox.length, 0);
  assert.deepEqual(
    client.state.rejected.map(({ body, reason }) => [body['post_id'], reason]),
    [[bad, 'HTTP 400']],
  );
});

test('what is queued is sent before a new session starts', async () => {
  const world = new World();
  const { client } = await world.watching();
  client.tracker.visible(client.posts[0]!.key, 1);
  await world.time.pass(700);
  await world.done(client.personalizedFeed.refresh());
  assert.deepEqual(
    world.server.calls.slice(2).map(({ path }) => path.split('?')[0]),
    ['/v1/impressions', '/v1/sessions', '/v1/feed'],
  );
});

test('what was watched is sent before what was seen, so that the queue that the latter prepares knows it', async () => {
  const world = new World();
  const { client } = await world.watching();
  client.tracker.visible(client.posts[0]!.key, 1);
  client.playback(client.posts[0]!.post_id, { positionMs: 0, paused: false });
  await world.time.pass(900);
  client.playback(client.posts[0]!.post_id, { positionMs: 900, paused: false });
  client.tracker.visible(client.posts[0]!.key, 0);
  await world.time.pass(3_000);
  assert.deepEqual(
    world.server.calls.slice(2).map(({ path }) => path),
    ['/v1/watch-progress', '/v1/impressions'],
  );
});

test('a page that is going sends with keepalive, without waiting, at most 60 kB', async () => {
  const world = new World();
  const { client } = await world.watching();
  for (const { key } of client.posts) client.tracker.visible(key, 1);
  client.playback(client.posts[0]!.post_id, { positionMs: 0, paused: false });
  await world.time.pass(500);
  client.playback(client.posts[0]!.post_id, { positionMs: 500, paused: false });
  client.setForeground(false, true);
  await Promise.resolve();
  await Promise.resolve();
  const sent = world.server.calls.filter(({ method }) => method === 'POST').slice(1);
  assert.deepEqual(
    sent.map(({ path, keepalive }) => [path, keepalive]),
    [
      ['/v1/watch-progress', true],
      ['/v1/impressions', true],
    ],
  );
  assert.ok(JSON.stringify(sent).length < 60_000);
});

test('feedback takes effect at once, and is taken back where it is refused', async () => {
  const world = new World();
  const { client } = await world.watching();
  const { post_id: postId, creator_id: creatorId } = client.posts[1]!;
  const sent = client.sendFeedback({ action: 'hide_creator', creatorId });
  assert.ok(client.posts.every((post) => post.creator_id !== creatorId));
  assert.equal(await world.done(sent), 'sent');
  await world.done(client.sendFeedback({ action: 'hide_creator', creatorId, undo: true }));
  assert.equal(client.posts[1]!.post_id, postId);

  world.server.answer = ({ path }) => (path === '/v1/feedback' ? { status: 404, body: { detail: 'no such post' } } : null);
  const refused = client.sendFeedback({ action: 'not_interested', postId });
  assert.ok(client.posts.every((post) => post.post_id !== postId));
  await assert.rejects(world.done(refused), FeedError);
  assert.equal(client.posts[1]!.post_id, postId);
});

test('feedback without a network is queued, and sent by a later run before its session', async () => {
  const world = new World();
  const first = await world.watching();
  world.server.network = 'offline';
  const { post_id: postId } = first.client.posts[3]!;
  assert.equal(await world.done(first.client.sendFeedback({ action: 'report', postId })), 'queued');
  assert.ok(first.client.posts.every((post) => post.post_id !== postId));
  first.kill();
  world.server.network = 'good';
  const begun = world.server.calls.length;
  await world.watching();
  assert.deepEqual(
    world.server.calls.slice(begun, begun + 2).map(({ path }) => path),
    ['/v1/feedback', '/v1/sessions'],
  );
  assert.equal(world.server.feedback.length, 1);
});

test('an undo that followed at once arrives after what it undoes', async () => {
  const world = new World();
  const { client } = await world.watching();
  const { post_id: postId } = client.posts[0]!;
  const both = [
    client.sendFeedback({ action: 'report', postId }),
    client.sendFeedback({ action: 'report', postId, undo: true }),
  ];
  await world.done(Promise.all(both));
  assert.deepEqual(
    world.server.feedback.map(({ undo }) => undo),
    [false, true],
  );
  assert.equal(client.posts[0]!.post_id, postId);
});

test('a watch is one row: its time, its loops, what was given', async () => {
  const world = new World();
  const { client } = await world.watching();
  const { post_id: postId, key } = client.posts[0]!;
  client.tracker.visible(key, 1);
  for (let ms = 0; ms <= 14_000; ms += 250) {
    client.playback(postId, { positionMs: ms % 10_000, durationMs: 10_000, paused: false });
    await world.time.pass(250);
  }
  client.react(postId, { liked: true });
  client.tracker.visible(key, 0);
  await world.time.pass(3_000);
  const watches = [...world.server.events.values()].filter((row) => 'play_ms' in row);
  assert.deepEqual(
    watches.map(({ play_ms, duration_ms, liked }) => [play_ms, duration_ms, liked]),
    [[14_000, 10_000, true]],
  );
});

test('what was sought past was not watched', async () => {
  const world = new World();
  const { client } = await world.watching();
  const { post_id: postId } = client.posts[0]!;
  client.playback(postId, { positionMs: 0, durationMs: 10_000, paused: false });
  await world.time.pass(250);
  client.playback(postId, { positionMs: 250, durationMs: 10_000, paused: false });
  await world.time.pass(250);
  client.playback(postId, { positionMs: 9_000, durationMs: 10_000, paused: false });
  await client.close();
  const [row] = [...world.server.events.values()];
  assert.equal(row!['play_ms'], 250);
});

test('nothing is kept or sent of a viewer who was not asked yet', async () => {
  const world = new World();
  const { client } = await world.watching({ consent: false });
  client.tracker.visible(client.posts[0]!.key, 1);
  client.playback(client.posts[0]!.post_id, { positionMs: 100, paused: false });
  client.react(client.posts[0]!.post_id, { liked: true });
  await world.time.pass(20_000);
  assert.equal(world.disk.kept.size, 0);
  assert.equal(world.server.calls.length, 2);
  client.setConsent(true);
  client.tracker.visible(client.posts[1]!.key, 1);
  await world.time.pass(5_000);
  assert.equal(world.server.events.size, 1);
});

test('rows of a tab that lives are left to it; those of a closed one are taken over', async () => {
  const world = new World();
  const first = await world.watching();
  world.alive.add(first.client.instance);
  world.server.network = 'offline';
  first.client.tracker.visible(first.client.posts[0]!.key, 1);
  await world.time.pass(600);
  first.kill();
  world.server.network = 'good';
  const second = await world.watching();
  assert.equal(world.server.events.size, 0);
  world.alive.clear();
  await world.done(second.client.flush());
  assert.equal(world.server.events.size, 1);
});

test('a client is of one viewer', async () => {
  const { client } = new World().run();
  await assert.rejects(client.personalizedFeed.startSession(id(7)), /another viewer/);
});

test('a token is never part of an address, nor of what is stored', async () => {
  const world = new World();
  const urls: string[] = [];
  const { client } = world.run({
    fetch: async (url) => {
      urls.push(url);
      return reply(503, {});
    },
  });
  await world.done(client.personalizedFeed.startSession()).catch(() => undefined);
  assert.ok(urls.length > 0 && urls.every((url) => !url.includes('token')));
  assert.ok([...world.disk.kept].flat().every((text) => !text.includes('token-')));
});
