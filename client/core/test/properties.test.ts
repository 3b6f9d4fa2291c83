import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { type Network, type Program, World } from './world.js';

type Step =
  | { do: 'watch'; ms: number }
  | { do: 'fling'; posts: number }
  | { do: 'network'; network: Network }
  | { do: 'disk'; mode: 'good' | 'full' | 'broken' | 'hung' }
  | { do: 'kill'; leaving: boolean; afterMs: number }
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
      afterMs: fc.integer({ min: 0, max: 12_000 }),
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

/** Acts a script out; returns the events that were reported: one for each showing that lasted. */
async function act(world: World, steps: Step[]): Promise<{ seen: Set<string>; program: Program }> {
  let program = await world.watching();
  const seen = new Set<string>();
  let index = 0;

  const collect = () => {
    for (const { kind, body } of program.client.state.outbox) if (kind === 'impression') seen.add(body['event_id'] as string);
  };
  const unsubscribe = () => program.client.subscribe(collect);
  unsubscribe();

  for (const current of steps) {
    const { client } = program;
    if (current.do === 'watch' || current.do === 'fling') {
      const posts = current.do === 'fling' ? current.posts : 1;
      for (let count = 0; count < posts; count++) {
        const shown = client.posts[index++ % Math.max(1, client.posts.length)];
        if (!shown) continue;
        const ms = current.do === 'watch' ? current.ms : 60;
        const before = seen.size;
        client.tracker.visible(shown.key, 1);
        await world.time.pass(ms);
        client.playback(shown.post_id, { positionMs: ms, paused: false });
        client.tracker.visible(shown.key, 0);
        assert.equal(seen.size - before, ms >= 500 ? 1 : 0, 'a showing counts once, when it has lasted');
      }
    } else if (current.do === 'network') world.server.network = current.network;
    else if (current.do === 'disk') world.disk.mode = current.mode;
    else if (current.do === 'token') world.server.token++;
    else if (current.do === 'hide') {
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
      await world.time.pass(current.afterMs);
      if (current.leaving) client.setForeground(false, true);
      program.kill();
      const { network } = world.server;
      world.server.network = 'good';
      program = await world.watching();
      unsubscribe();
      world.server.network = network;
    }
  }
  return { seen, program };
}

async function recover(world: World, program: Program): Promise<void> {
  world.server.network = 'good';
  world.disk.mode = 'good';
  await world.time.pass(400_000);
  await world.done(program.client.close());
}

const options = { numRuns: Number(process.env['RUNS'] ?? 150), endOnFailure: true };

test('whatever the network does and whenever it is killed: all that was seen arrives, once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: -1e10, max: 1e10 }), async (steps, wrongBy) => {
      const world = new World();
      world.wrongBy = wrongBy;
      const { seen, program } = await act(world, steps);
      await recover(world, program);
      const arrived = [...world.server.events].filter(([, row]) => 'visible_ms' in row).map(([id]) => id);
      assert.deepEqual(arrived.sort(), [...seen].sort());
      assert.equal(world.disk.kept.size, 0);
      for (const { body } of world.server.calledFor('/v1/impressions')) {
        assert.ok((body!['impressions'] as object[]).length <= 100);
        assert.ok(JSON.stringify(body).length <= 60_000);
      }
    }),
    options,
  );
});

test('whatever the disk does: all that was seen arrives, once, while the program lives', async () => {
  const living = fc.oneof({ weight: 4, arbitrary: step.filter((one) => one.do !== 'kill') }, { weight: 1, arbitrary: brokenDisk });
  await fc.assert(
    fc.asyncProperty(fc.array(living, { maxLength: 25 }), async (steps) => {
      const world = new World();
      const { seen, program } = await act(world, steps);
      await recover(world, program);
      const arrived = [...world.server.events].filter(([, row]) => 'visible_ms' in row).map(([id]) => id);
      assert.deepEqual(arrived.sort(), [...seen].sort());
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
