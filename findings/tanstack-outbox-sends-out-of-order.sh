#!/usr/bin/env bash
# The outbox of TanStack's offline transactions sends by the phone's clock, and not in the order of making.
#
# Expected: what the package promises, that transactions are sent one at a time in the order in which they
# were made. Seen: they are sorted by the time of day at which they were made. Where a phone corrects its
# clock by a minute between a like and its withdrawal, the withdrawal is sent first and the server keeps
# the like. And transactions of the same millisecond, as one gesture makes them, come back in the order of
# their random ids once the app was restarted, so that an update is sent ahead of the insert that it
# changes. There is no warning. Put into one transaction what belongs together, and send a counter of your own in
# `metadata` by which the server can tell which of two changes is the later one.
#
# The clock is set by hand here, so that the outcome does not hang on how fast the machine is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . \
	@tanstack/offline-transactions@1.0.53 @tanstack/db@0.8.7 fake-indexeddb@6.2.5
cat >outbox.mjs <<'JAVASCRIPT'
import fs from 'node:fs';
import 'fake-indexeddb/auto';
import { createCollection, localOnlyCollectionOptions } from '@tanstack/db';
import { IndexedDBAdapter, startOfflineExecutor } from '@tanstack/offline-transactions';

let now = Date.UTC(2026, 0, 1, 12);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length ? given : [now]));
  }
  static now() {
    return now;
  }
};
const until = async (done) => {
  for (let look = 0; look < 4_000; look += 1) {
    if (await done()) return;
    await new Promise((again) => setTimeout(again, 5));
  }
  throw new Error('CHANGED: what was waited for does not come');
};

class App {
  online = false;
  sent = [];
  #wake = () => {};

  constructor(name) {
    this.posts = createCollection(localOnlyCollectionOptions({ id: 'posts', getKey: (post) => post.id }));
    this.executor = startOfflineExecutor({
      collections: { posts: this.posts },
      storage: new IndexedDBAdapter(name, 'transactions'),
      mutationFns: {
        send: async ({ transaction }) => {
          for (const { type, modified } of transaction.mutations) this.sent.push(`${type} ${modified.state}`);
        },
      },
      leaderElection: {
        requestLeadership: async () => true,
        releaseLeadership: () => {},
        isLeader: () => true,
        onLeadershipChange: () => () => {},
      },
      onlineDetector: {
        subscribe: (wake) => {
          this.#wake = wake;
          return () => {};
        },
        notifyOnline: () => this.#wake(),
        isOnline: () => this.online,
        dispose: () => {},
      },
    });
  }

  async keep(state) {
    const before = (await this.executor.peekOutbox()).length;
    const transaction = this.executor.createOfflineTransaction({ mutationFnName: 'send', autoCommit: false });
    transaction.mutate(() => {
      if (this.posts.has('post')) this.posts.update('post', (post) => { post.state = state; });
      else this.posts.insert({ id: 'post', state });
    });
    transaction.commit().catch(() => {}); // It settles once the transaction was sent.
    await until(async () => (await this.executor.peekOutbox()).length > before);
  }

  async send(count) {
    this.online = true;
    this.#wake();
    await until(() => this.sent.length >= count);
    return this.sent;
  }
}

const offlineThenRestarted = async (name, states, step) => {
  const first = new App(name);
  await first.executor.waitForInit();
  for (const state of states) {
    await first.keep(state);
    now += step;
  }
  first.executor.dispose();
  const second = new App(name);
  await second.executor.waitForInit();
  return second.send(states.length);
};

const corrected = new App('corrected');
await corrected.executor.waitForInit();
await corrected.keep('liked');
now -= 60_000;
await corrected.keep('not liked');
now += 120_000;
const afterCorrection = await corrected.send(2);

const steps = Array.from({ length: 8 }, (_, number) => String(number));
const asMade = ['insert 0', ...steps.slice(1).map((step) => `update ${step}`)];
const apart = await offlineThenRestarted('apart', steps, 1);
const together = await offlineThenRestarted('together', steps, 0);

const version = (name) => JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`, 'utf8')).version;
console.log(`@tanstack/offline-transactions ${version('@tanstack/offline-transactions')}`);
console.log(`like, clock set back by a minute, withdraw:  ${afterCorrection.join(', ')}`);
console.log(`a millisecond apart, then a restart:         ${apart.join(', ')}`);
console.log(`in the same millisecond, then a restart:     ${together.join(', ')}`);
const same = afterCorrection.join() === 'update not liked,insert liked'
  && apart.join() === asMade.join()
  && together.join() !== asMade.join() && together.toSorted().join() === asMade.toSorted().join();
console.log(same ? 'as described' : 'CHANGED');
process.exit(same ? 0 : 1);
JAVASCRIPT
node outbox.mjs
