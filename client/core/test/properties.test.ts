import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import type { Feedback, Post } from '../src/types.js';
import { type Network, type Program, World } from './world.js';

type Action = Feedback['action'];

type Step =
  | { do: 'watch'; ms: number }
  | { do: 'fling'; posts: number }
  | { do: 'network'; network: Network }
  | { do: 'disk'; mode: 'good' | 'full' | 'broken' | 'hung' }
  | { do: 'kill'; leaving: boolean; watching: boolean; afterMs: number }
  | { do: 'feedback'; action: Action; undo: boolean }
  | { do: 'hide' }
  | { do: 'refresh' }
  | { do: 'page'; callers: number }
  | { do: 'token' };

const networks: Network[] = ['good', 'offline', 'answers lost', 'doubled', 'late', 'busy', 'portal'];

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('watch' as const), ms: fc.integer({ min: 0, max: 4_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fling' as const), posts: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('network' as const), network: fc.constantFrom(...networks) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('kill' as const),
      leaving: fc.boolean(),
      watching: fc.boolean(),
      afterMs: fc.integer({ min: 0, max: 12_000 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('feedback' as const),
      action: fc.constantFrom('not_interested' as const, 'hide_creator' as const, 'report' as const),
      undo: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'hide' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'refresh' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('page' as const), callers: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'token' as const }) },
);

const brokenDisk: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('disk' as const),
  mode: fc.constantFrom('good' as const, 'full' as const, 'broken' as const, 'hung' as const),
});

/** What a client reported: all of it must arrive, and nothing else. */
interface Reported {
  /** The ids of impressions: one for each showing that lasted. */
  seen: Set<string>;
  /** The milliseconds of each watch, by its id. */
  watched: Map<string, number>;
  /** Each answer of the viewer, as the server is to read it. */
  feedback: Set<string>;
}

const asText = (body: Record<string, unknown>) => JSON.stringify(Object.entries(body).sort());

/** Acts a script out. */
async function act(world: World, steps: Step[]): Promise<{ reported: Reported; program: Program }> {
  let program = await world.watching();
  const reported: Reported = { seen: new Set(), watched: new Map(), feedback: new Set() };
  const { seen, watched } = reported;
  let index = 0;

  const collect = () => {
    for (const { kind, body } of program.client.state.outbox) {
      if (kind === 'impression') seen.add(body['event_id'] as string);
      if (kind === 'watch') watched.set(body['event_id'] as string, body['play_ms'] as number);
    }
  };
  const unsubscribe = () => program.client.subscribe(collect);
  unsubscribe();
  // A watch is written at most once a second, and the clock has begun at nothing.
  await world.time.pass(1_000);

  /** Plays a post from its beginning, and leaves it on screen. */
  const play = async ({ key, post_id: postId }: Post, ms: number) => {
    program.client.tracker.visible(key, 1);
    program.client.playback(postId, { positionMs: 0, paused: false });
    await world.time.pass(ms);
    program.client.playback(postId, { positionMs: ms, paused: false });
  };
  const next = () => program.client.posts[index++ % Math.max(1, program.client.posts.length)];

  for (const current of steps) {
    const { client } = program;
    if (current.do === 'watch' || current.do === 'fling') {
      const posts = current.do === 'fling' ? current.posts : 1;
      for (let count = 0; count < posts; count++) {
        const shown = next();
        if (!shown) continue;
        const ms = current.do === 'watch' ? current.ms : 60;
        const before = { seen: seen.size, watched: watched.size };
        await play(shown, ms);
        client.tracker.visible(shown.key, 0);
        assert.equal(seen.size - before.seen, ms >= 500 ? 1 : 0, 'a showing counts once, when it has lasted');
        const added = [...watched.values()].slice(before.watched);
        assert.deepEqual(added, ms > 0 ? [ms] : [], 'a watch is one row of the time that was played');
      }
    } else if (current.do === 'network') world.server.network = current.network;
    else if (current.do === 'disk') world.disk.mode = current.mode;
    else if (current.do === 'token') world.server.token++;
    else if (current.do === 'feedback') {
      const about = next();
      if (!about) continue;
      for (const undo of current.undo ? [false, true] : [false]) {
        client.sendFeedback({ action: current.action, postId: about.post_id, undo }).catch(() => undefined);
        reported.feedback.add(asText({ action: current.action, post_id: about.post_id, undo }));
      }
      await world.time.pass(50);
    } else if (current.do === 'hide') {
      client.setForeground(false);
      await world.time.pass(300);
      client.setForeground(true);
    } else if (current.do === 'refresh') {
      client.personalizedFeed.refresh().catch(() => undefined);
      await world.time.pass(50);
    } else if (current.do === 'page') {
      const calls = Array.from({ length: current.callers }, () => client.personalizedFeed.getPersonalizedFeed());
      calls.forEach((call) => call.catch(() => undefined));
      await world.time.pass(50);
    } else {
      const last = current.watching ? next() : undefined;
      if (last) await play(last, Math.min(current.afterMs, 9_000));
      else await world.time.pass(current.afterMs);
      // What the last millisecond brought is written, and nothing else happens any more.
      await world.time.settle();
      collect();
      if (current.leaving) client.setForeground(false, true);
      program.kill();
      const { network } = world.server;
      world.server.network = 'good';
      program = await world.watching();
      unsubscribe();
      world.server.network = network;
    }
  }
  return { reported, program };
}

/** Compares what arrived with what was reported. */
function compare({ server }: World, { seen, watched, feedback }: Reported): void {
  const arrived = [...server.events];
  const impressions = arrived.filter(([, row]) => 'visible_ms' in row).map(([id]) => id);
  const watches = arrived.filter(([, row]) => 'play_ms' in row).map(([id, row]) => [id, row['play_ms']] as const);
  assert.equal(impressions.length + watches.length, arrived.length);
  assert.deepEqual(impressions.sort(), [...seen].sort());
  assert.deepEqual(new Map(watches), watched);
  // The server knows an answer by what it is about: the same one again changes nothing.
  assert.deepEqual(new Set(server.feedback.map(asText)), feedback);
}

async function recover(world: World, program: Program): Promise<void> {
  world.server.network = 'good';
  world.disk.mode = 'good';
  await world.time.pass(400_000);
  await world.done(program.client.close());
}

const options = { numRuns: Number(process.env['RUNS'] ?? 150), endOnFailure: true };

test('whatever the network does and whenever it is killed: all that was seen, watched and answered arrives, once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: -1e10, max: 1e10 }), async (steps, wrongBy) => {
      const world = new World();
      world.wrongBy = wrongBy;
      const { reported, program } = await act(world, steps);
      await recover(world, program);
      compare(world, reported);
      assert.equal(world.disk.kept.size, 0);
      for (const { path, body } of world.server.calls) {
        if (path !== '/v1/impressions' && path !== '/v1/watch-progress') continue;
        assert.ok(((body!['impressions'] ?? body!['events']) as object[]).length <= 100);
        assert.ok(JSON.stringify(body).length <= 60_000);
      }
    }),
    options,
  );
});

test('whatever the disk does: all that was seen, watched and answered arrives, once, while the program lives', async () => {
  const living = fc.oneof({ weight: 4, arbitrary: step.filter((one) => one.do !== 'kill') }, { weight: 1, arbitrary: brokenDisk });
  await fc.assert(
    fc.asyncProperty(fc.array(living, { maxLength: 25 }), async (steps) => {
      const world = new World();
      const { reported, program } = await act(world, steps);
      await recover(world, program);
      compare(world, reported);
    }),
    options,
  );
});

test('the list never holds a key twice, nor a post twice that was not recycled', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.integer({ min: 5, max: 60 }), async (steps, pool) => {
      const world = new World();
      world.server.pool = pool;
      world.server.recycled = pool % 2 === 0;
      const { program } = await act(world, steps);
      const { posts } = program.client;
      assert.equal(new Set(posts.map(({ key }) => key)).size, posts.length);
      const whole = posts.filter(({ source }) => source !== 'recycled');
      assert.equal(new Set(whole.map(({ post_id }) => post_id)).size, whole.length);
      await world.done(program.client.close());
    }),
    { ...options, numRuns: 60 },
  );
});
