import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';

import type { BrowserContext, Page } from 'playwright-core';

import { BASE, browser, open, picture, ready, swipe } from './browser.js';

/* eslint-disable @typescript-eslint/no-explicit-any */
declare const window: any;
declare const document: any;

type Watch = { event_id: string; post_id: string; play_ms: number; duration_ms: number } & Record<'liked' | 'commented' | 'shared', boolean>;
type Seen = { event_id: string; post_id: string; source: string; position: number; session_id: string };

const VIDEO = process.env['VIDEO'] ?? '';
/** What each viewer's page says was seen, for who looks into Postgres afterwards. */
const seenRows: Record<string, Seen[]> = {};
/** What viewers' pages say was watched; of those that were open, nobody knows whether they arrive when the page goes. */
const watchedRows: Record<string, { sent: Watch[]; open: string[] }> = {};
const figures: Record<string, number> = {};
let context: BrowserContext;
let shut: () => Promise<void>;
let number = Number(process.env['FIRST_VIEWER'] ?? 1000);

const newViewer = () => `6f1c4c5e-0000-4000-8000-${String(number++).padStart(12, '0')}`;

before(async () => {
  ({ context, close: shut } = await browser());
});

afterEach(async () => {
  for (const page of context.pages().slice(1)) await page.close();
  context.removeAllListeners('request');
  await context.unrouteAll({ behavior: 'ignoreErrors' });
  await context.setOffline(false);
});

after(async () => {
  await shut();
  if (process.env['SEEN_ROWS']) writeFileSync(process.env['SEEN_ROWS'], JSON.stringify(seenRows));
  if (process.env['WATCHED_ROWS']) writeFileSync(process.env['WATCHED_ROWS'], JSON.stringify(watchedRows));
  if (process.env['FIGURES']) writeFileSync(process.env['FIGURES'], JSON.stringify(figures, null, 2));
});

async function seen(page: Page): Promise<Seen[]> {
  return page.evaluate(() => [...window.vroom.seen].map(([event_id, row]: [string, object]) => ({ event_id, ...row })) as never);
}

/** Waits until so many posts count as seen. Half a second in sight may take longer on a busy machine. */
async function counted(page: Page, posts: number): Promise<void> {
  await page.waitForFunction((least) => window.vroom.seen.size >= least, posts);
}

/** Waits until everything is sent; notes what the page says was seen. */
async function sent(page: Page, viewer: string): Promise<Seen[]> {
  await page.evaluate(() => window.vroom.client.flush());
  await page.waitForFunction(() => window.vroom.client.state.outbox.every((row: any) => row.open));
  const rows = await seen(page);
  seenRows[viewer] = [...(seenRows[viewer] ?? []), ...rows];
  return rows;
}

/** Notes what is watched from now on, as the outbox has it. */
async function noteWatches(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.watched = new Map();
    const note = () => {
      for (const { kind, body } of window.vroom.client.state.outbox) {
        if (kind === 'watch') window.watched.set(body.event_id, { ...body });
      }
    };
    note();
    window.vroom.client.subscribe(note);
  });
}

/** What was watched and sent since `noteWatches`; what is open is watched still. */
async function watched(page: Page, viewer: string): Promise<Watch[]> {
  const rows = await page.evaluate(() => {
    const waiting: { body: Watch }[] = window.vroom.client.state.outbox;
    const open = waiting.map(({ body }) => body.event_id);
    const all = [...window.watched.values()] as Watch[];
    return { sent: all.filter(({ event_id }) => !open.includes(event_id)), open };
  });
  watchedRows[viewer] = rows;
  return rows.sent;
}

/** All that the server keeps of a viewer, by table. */
async function kept(page: Page, viewer: string): Promise<Record<string, { rows: any[] }>> {
  return page.evaluate(
    async ([id, base]) => {
      const token = await (await fetch(`${base}/dev/token`, { method: 'POST', body: JSON.stringify({ user_id: id }) })).json();
      const answer = await fetch(`${base}/v1/me/data`, { headers: { authorization: `Bearer ${token.token}` } });
      return (await answer.json()).tables;
    },
    [viewer, BASE] as const,
  );
}

async function stored(page: Page, viewer: string): Promise<Seen[]> {
  return (await kept(page, viewer))['user_post_impressions']!.rows;
}

const bare = (rows: Seen[]) =>
  rows
    .map(({ event_id, post_id, source, position, session_id }) => `${event_id} ${post_id} ${source} ${position} ${session_id}`)
    .sort();

const bareWatches = (rows: Watch[]) =>
  rows
    .map(({ event_id, post_id, play_ms, duration_ms, liked, commented, shared }) =>
      [event_id, post_id, play_ms, duration_ms, liked, commented, shared].join(' '),
    )
    .sort();

test('what the page says was seen is what the server holds, through swipes, a fling, likes and feedback', async () => {
  const viewer = newViewer();
  const { page, faults } = await open(context, viewer);
  await page.waitForTimeout(900);
  await counted(page, 1);
  for (let count = 0; count < 6; count++) {
    await swipe(page, 750);
    await counted(page, count + 2);
  }
  await picture(page, 'feed');
  await page.keyboard.press('l');
  assert.equal(await page.getAttribute('article.current .like', 'aria-pressed'), 'true');
  await page.keyboard.press('f');
  await page.waitForFunction(() => document.querySelector('article.current .follow').textContent === 'Following');
  for (let count = 0; count < 8; count++) {
    await swipe(page, 750);
    await counted(page, count + 8);
  }
  assert.equal((await seen(page)).length, 15);

  // A fling: five at once, of which the last alone comes to rest.
  await page.evaluate(() => {
    const feed = document.getElementById('feed');
    feed.scrollTo({ top: feed.scrollTop + 5 * feed.clientHeight, behavior: 'smooth' });
  });
  await page.waitForTimeout(1_900);
  await counted(page, 16);
  assert.equal((await seen(page)).length, 16);

  await page.keyboard.press('w');
  await page.click('text=Why this video');
  assert.ok((await page.locator('dialog .reasons li').count()) > 0);
  await picture(page, 'why');
  await page.keyboard.press('Escape');

  const creator = await page.evaluate(() => window.vroom.stage.current.creator_id);
  await page.keyboard.press('w');
  await page.click('.item:has-text("Hide")');
  await page.waitForFunction((id) => window.vroom.client.posts.every((post: any) => post.creator_id !== id), creator);
  await page.waitForTimeout(800);

  const reported = await page.evaluate(() => window.vroom.stage.current.post_id);
  await page.keyboard.press('w');
  await page.click('.item:has-text("Report")');
  await page.waitForFunction((id) => window.vroom.client.posts.every((post: any) => post.post_id !== id), reported);
  await page.click('#toast button');
  await page.waitForFunction((id) => window.vroom.client.posts.some((post: any) => post.post_id === id), reported);
  await page.waitForTimeout(800);

  const rows = await sent(page, viewer);
  assert.deepEqual(bare(await stored(page, viewer)), bare(rows));
  const tables = await kept(page, viewer);
  assert.equal(tables['follows']!.rows.length, 1);
  assert.equal(tables['watch_events']!.rows.filter(({ liked }) => liked).length, 1);
  assert.deepEqual(tables['feedback']!.rows.filter(({ undone_at }) => !undone_at).map(({ action }) => action), ['hide_creator']);
  assert.deepEqual(faults, []);
  await page.keyboard.press('i');
  await page.waitForSelector('#machinery .bars');
  await page.waitForTimeout(400);
  await picture(page, 'machinery');
});

test('a page that is closed 0.8 s after a swipe has told of it', async () => {
  const viewer = newViewer();
  const { page } = await open(context, viewer);
  await page.waitForTimeout(900);
  await counted(page, 1);
  await swipe(page, 0);
  await page.waitForTimeout(800);
  await counted(page, 2);
  const rows = await seen(page);
  assert.equal(rows.length, 2);
  await page.close({ runBeforeUnload: false });
  seenRows[viewer] = rows;
  // A document without a client: nothing but the page itself can have told.
  const other = await context.newPage();
  await other.goto(`${BASE}/page/icon.svg`);
  for (let looks = 0; looks < 300 && (await stored(other, viewer)).length < 2; looks++) await other.waitForTimeout(100);
  assert.deepEqual(bare(await stored(other, viewer)), bare(rows));
});

test('what was seen without a network is told after a reload', async () => {
  const viewer = newViewer();
  const first = await open(context, viewer);
  await first.page.waitForTimeout(700);
  await counted(first.page, 1);
  await context.setOffline(true);
  for (let count = 0; count < 4; count++) {
    await swipe(first.page, 750);
    await counted(first.page, count + 2);
  }
  const rows = await seen(first.page);
  assert.equal(rows.length, 5);
  await first.page.close();
  await context.setOffline(false);
  const second = await open(context, viewer);
  seenRows[viewer] = rows;
  await second.page.waitForTimeout(800);
  const all = [...rows, ...(await seen(second.page))];
  await sent(second.page, viewer);
  assert.deepEqual(bare(await stored(second.page, viewer)), bare(all));
});

test('with every second answer lost nothing is lost and nothing told twice', async () => {
  const viewer = newViewer();
  let requests = 0;
  await context.route(/v1\/(impressions|watch-progress|feedback)/, async (route) => {
    const answer = await route.fetch();
    if (requests++ % 2 === 0) await route.abort('connectionreset');
    else await route.fulfill({ response: answer });
  });
  const { page } = await open(context, viewer);
  await noteWatches(page);
  await page.waitForTimeout(700);
  for (let count = 0; count < 8; count++) {
    await swipe(page, 700);
    if (count % 3 === 1) await page.evaluate(() => window.vroom.client.flush());
  }
  for (let tries = 0; tries < 12; tries++) {
    await page.evaluate(() => window.vroom.client.flush());
    await page.waitForTimeout(100);
  }
  const rows = await sent(page, viewer);
  assert.ok(requests > 4);
  assert.deepEqual(bare(await stored(page, viewer)), bare(rows));
  const watches = await watched(page, viewer);
  assert.ok(watches.length > 0);
  assert.deepEqual(bareWatches((await kept(page, viewer))['watch_events']!.rows), bareWatches(watches));
});

test('a refresh within the debounce brings none of the twelve back', async () => {
  const viewer = newViewer();
  const { page } = await open(context, viewer);
  await page.waitForTimeout(650);
  await counted(page, 1);
  for (let count = 0; count < 11; count++) {
    await swipe(page, 620);
    await counted(page, count + 2);
  }
  const before = await seen(page);
  assert.equal(before.length, 12);
  await page.keyboard.press('r');
  await page.waitForFunction((old) => window.vroom.client.posts[0]?.session_id !== old, before[0]!.session_id);
  const posts: string[] = await page.evaluate(() => window.vroom.client.posts.map((post: any) => post.post_id));
  assert.deepEqual(posts.filter((id) => before.some(({ post_id }) => post_id === id)), []);
  await page.waitForTimeout(700);
  await sent(page, viewer);
});

test('sixty swipes cost six pages, a batch every ten seconds and three videos, and show a frame at once', async () => {
  const viewer = newViewer();
  const calls = { feed: 0, impressions: 0, watches: 0 };
  context.on('request', (request) => {
    const path = new URL(request.url()).pathname;
    if (path === '/v1/feed') calls.feed++;
    if (path === '/v1/impressions') calls.impressions++;
    if (path === '/v1/watch-progress') calls.watches++;
  });
  const begun = Date.now();
  const { page } = await open(context, viewer);
  await page.waitForTimeout(1_500);
  await page.evaluate(() => {
    // From the moment at which a post becomes the current one to a frame of it on the screen.
    window.frames_ = new Map();
    document.addEventListener('vroom:current', () => {
      const begun = performance.now();
      const { key } = window.vroom.stage.current;
      const look = () => {
        const video = window.vroom.stage.pool.video;
        if (window.vroom.stage.current?.key !== key || window.frames_.has(key)) return;
        if (video && video.readyState >= 2 && video.videoWidth > 0) window.frames_.set(key, performance.now() - begun);
        else requestAnimationFrame(look);
      };
      requestAnimationFrame(look);
    });
  });
  let most = 0;
  let pauses = 0;
  for (let count = 0; count < 60; count++) {
    const swiped = Date.now();
    await swipe(page, 300);
    // On a busy machine a frame may come later than that: what counts is that it comes.
    await page.waitForFunction(() => window.frames_.has(window.vroom.stage.current.key), null, { timeout: 3_000 }).catch(() => undefined);
    most = Math.max(most, await page.locator('video').count());
    if (Date.now() - swiped > 1_800) pauses++;
  }
  const frames = ((await page.evaluate(() => [...window.frames_.values()])) as number[]).sort((a, b) => a - b);
  figures['first frame after a swipe, median ms'] = Math.round(frames[frames.length >> 1]!);
  figures['first frame after a swipe, 95 % ms'] = Math.round(frames[Math.floor(frames.length * 0.95)]!);
  figures['swipes with a frame'] = frames.length;
  Object.assign(figures, { 'feed calls': calls.feed, 'batches of impressions': calls.impressions, 'batches of watches': calls.watches });
  await sent(page, viewer);
  // A batch is sent ten seconds after its first row, or after two without another row. Beside those, the first post may
  // make one of its own, and `sent` sends the last.
  const batches = 2 + Math.floor((Date.now() - begun) / 10_000) + pauses;
  assert.ok(most <= 3, `${most} videos`);
  assert.ok(calls.feed <= 6, `${calls.feed} pages`);
  assert.ok(calls.impressions <= batches, `${calls.impressions} batches of impressions`);
  assert.ok(calls.watches <= batches, `${calls.watches} batches of watches`);
  assert.ok(calls.impressions > 0 && calls.watches > 0);
  assert.ok(frames.length >= 50, `${frames.length} swipes with a frame`);
  assert.ok((await page.locator('article').count()) <= 5);
});

test('everything can be reached and is named without a mouse', async () => {
  const { page } = await open(context, newViewer());
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll('button, input, select, video')]
      .filter((element: any) => !(element.getAttribute('aria-label') || element.textContent.trim() || element.labels?.length))
      .map((element: any) => element.outerHTML),
  );
  assert.deepEqual(nameless, []);
  await page.keyboard.press('w');
  await page.waitForSelector('dialog[open]');
  assert.ok(await page.evaluate(() => document.activeElement.closest('dialog') !== null));
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  const paused = () => page.evaluate(() => window.vroom.stage.pool.isPaused as boolean);
  await page.focus('#feed');
  await page.keyboard.press(' ');
  assert.equal(await paused(), true);
  await page.keyboard.press(' ');
  assert.equal(await paused(), false);
});

test('captions are text, in their own direction', async () => {
  const { page, faults } = await open(context, newViewer());
  const caption = '<img src=x onerror="window.hacked=1"> شاهد هذا';
  await context.route(/v1\/feed/, async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    for (const post of body.posts) post.caption = caption;
    await route.fulfill({ response: answer, json: body });
  });
  await page.reload();
  await ready(page);
  assert.equal(await page.textContent('article.current .caption'), caption);
  assert.equal(await page.getAttribute('article.current .caption', 'dir'), 'auto');
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(faults, []);
});

test('no token is in an address, nor kept', async () => {
  const urls: string[] = [];
  context.on('request', (request) => urls.push(request.url()));
  const { page } = await open(context, newViewer());
  await page.waitForTimeout(700);
  const kept = await page.evaluate(async () => {
    const found = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie];
    for (const { name } of await indexedDB.databases()) {
      const database: any = await new Promise((resolve) => {
        const request = indexedDB.open(name!);
        request.onsuccess = () => resolve(request.result);
      });
      for (const store of database.objectStoreNames) {
        const rows = await new Promise((resolve) => {
          const request = database.transaction(store).objectStore(store).getAll();
          request.onsuccess = () => resolve(request.result);
        });
        found.push(JSON.stringify(rows));
      }
    }
    return found.join();
  });
  assert.doesNotMatch(kept, /eyJ/);
  assert.ok(urls.every((url) => !url.includes('eyJ')));
});

const bar = '.meter';

async function upload(page: Page, caption: string): Promise<void> {
  await page.keyboard.press('u');
  await page.setInputFiles('#file', VIDEO);
  await page.fill('#caption', caption);
  await page.evaluate(() => {
    window.steps = [];
    new MutationObserver(() => {
      const { fraction, phase } = document.querySelector('.meter')?.dataset ?? {};
      window.steps.push([phase, Number(fraction)]);
    }).observe(document.querySelector('dialog'), { subtree: true, attributes: true, attributeFilter: ['data-fraction'] });
  });
  await page.click('text=Upload >> nth=-1');
}

function isRising(steps: [string, number][]): void {
  steps.reduce((before, [, fraction]) => {
    assert.ok(fraction >= before, `${fraction} after ${before}`);
    return fraction;
  }, 0);
}

test('an upload is made smaller, sent and shown on its way', { skip: !VIDEO }, async () => {
  const { page, faults } = await open(context, newViewer());
  let size = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/v1/uploads')) size = request.postDataJSON().size_bytes;
  });
  await upload(page, 'From the browser');
  await page.waitForSelector('[data-phase="uploading"], [data-phase="processing"]', { timeout: 120_000 });
  await picture(page, 'upload');
  await page.waitForSelector('[data-phase="ready"]', { timeout: 120_000 });
  const steps = (await page.evaluate(() => window.steps)) as [string, number][];
  isRising(steps);
  figures['upload: bytes sent'] = size;
  assert.ok(size > 0 && size < 0.9 * statSync(VIDEO).size, `${size} of ${statSync(VIDEO).size} bytes`);
  assert.deepEqual([...new Set(steps.map(([phase]) => phase))], ['compressing', 'uploading', 'processing', 'ready']);
  assert.deepEqual(faults, []);
});

test('an upload whose every third request is cut arrives', { skip: !VIDEO }, async () => {
  const { page } = await open(context, newViewer());
  let puts = 0;
  await context.route(/\/upload\//, async (route) => {
    if (route.request().method() === 'PUT' && ++puts % 3 === 0) await route.abort('connectionreset');
    else await route.continue();
  });
  await page.evaluate(() => {
    const { uploadVideo } = window.vroom.client;
    window.vroom.client.uploadVideo = (uri: unknown, given: unknown, options: object) =>
      uploadVideo(uri, given, { ...options, compress: false, chunkBytes: 512 * 1024 });
  });
  await upload(page, 'Through a bad network');
  await page.waitForSelector('[data-phase="ready"]', { timeout: 180_000 });
  isRising((await page.evaluate(() => window.steps)) as [string, number][]);
  assert.ok(puts >= 6, `${puts} requests`);
});

test('an upload goes on after a reload', { skip: !VIDEO }, async () => {
  const viewer = newViewer();
  const { page } = await open(context, viewer);
  const throttle = await context.newCDPSession(page);
  await throttle.send('Network.enable');
  await throttle.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: 400_000,
  });
  await page.evaluate(() => {
    const { uploadVideo } = window.vroom.client;
    window.vroom.client.uploadVideo = (uri: unknown, given: unknown, options: object) =>
      uploadVideo(uri, given, { ...options, compress: false, chunkBytes: 512 * 1024 });
  });
  await upload(page, 'Across a reload');
  await page.waitForFunction((selector) => Number(document.querySelector(selector)?.dataset.fraction) > 0.45, bar, { timeout: 60_000 });
  const before = ((await page.evaluate(() => window.steps)) as [string, number][]).at(-1)![1];
  await throttle.detach();
  const puts: string[] = [];
  page.on('request', (request) => {
    if (request.method() === 'PUT') puts.push(request.headers()['content-range'] ?? '');
  });
  page.on('framenavigated', () => (puts.length = 0)); // what the page before has still sent
  await page.reload();
  await ready(page);
  await page.waitForSelector('#toast:has-text("Your video is ready")', { timeout: 120_000 });
  assert.match(puts[0]!, /^bytes \*\//, 'the server is asked first');
  assert.ok(!puts.some((range) => range.startsWith('bytes 0-')), 'nothing is sent twice');
  assert.ok(before > 0.45 && before < 0.9);
});

test('three hundred swipes leave the heap as it was', { skip: !process.env['LONG'] }, async () => {
  const { page } = await open(context, newViewer());
  const session = await context.newCDPSession(page);
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    return Math.round(usedSize / 1024);
  };
  const marks: number[] = [];
  for (let count = 0; count <= 300; count++) {
    if (count % 100 === 0) marks.push(await heap());
    await swipe(page, 120);
  }
  marks.forEach((kilobytes, index) => (figures[`heap after ${index * 100} swipes, kB`] = kilobytes));
  assert.ok(marks.at(-1)! < marks[1]! * 1.5 + 1_000, String(marks));
});
