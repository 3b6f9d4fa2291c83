import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { backoff } from '../src/platform.js';

const FIVE_MINUTES = 300_000;

test('a wait lies between nothing and two to the power of the failures in seconds', () => {
  for (const [failures, most] of [
    [1, 2_000],
    [2, 4_000],
    [8, 256_000],
  ] as const) {
    assert.equal(backoff(() => 0, failures), 0);
    assert.equal(backoff(() => 0.25, failures), most / 4);
    assert.equal(backoff(() => 1, failures), most);
  }
});

test('no wait is longer than five minutes, however often it failed, nor than what the caller allows', () => {
  for (const failures of [9, 10, 100, 5_000]) {
    assert.equal(backoff(() => 1, failures), FIVE_MINUTES);
    assert.equal(backoff(() => 0.5, failures), FIVE_MINUTES / 2);
    assert.equal(backoff(() => 1, failures, 60_000), 60_000);
  }
});

test('chance moves a wait through its whole range, evenly', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(chance, fc.integer({ min: 0, max: 2_000 }), (drawn, failures) => {
      const most = Math.min(FIVE_MINUTES, 1_000 * 2 ** failures);
      assert.equal(backoff(() => drawn, failures), drawn * most);
    }),
  );
});
