/** The native package as a web app: `NATIVE_WEB` is the folder that `npm run export:web` in native/example made. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';

import type { BrowserContext } from 'playwright-core';

import { BASE, browser } from './browser.js';

declare const document: any;

const FOLDER = process.env['NATIVE_WEB'] ?? '';
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };
let server: Server;
let address: string;
let context: BrowserContext;
let shut: () => Promise<void> = async () => undefined;

/** Serves the export; everything else is the stack's. */
before(async () => {
  if (!FOLDER) return;
  server = createServer((incoming, outgoing) => {
    const path = new URL(incoming.url!, BASE).pathname;
    const file = join(FOLDER, path === '/' ? 'index.html' : path);
    if (existsSync(file) && !path.startsWith('/v1')) {
      outgoing.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
      outgoing.end(readFileSync(file));
      return;
    }
    const { method, headers } = incoming;
    const passed = request(new URL(incoming.url!, BASE), { method, headers: { ...headers, origin: BASE } }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  ({ context, close: shut } = await browser({ width: 420, height: 860 }));
});

after(async () => {
  await shut();
  server?.close();
});

test('the list scrolls, plays with three players and tells what was seen', { skip: !FOLDER }, async () => {
  const page = await context.newPage();
  const told: string[] = [];
  page.on('request', (one) => {
    if (one.method() === 'POST' && one.url().includes('/v1/')) told.push(new URL(one.url()).pathname);
  });
  await page.goto(address);
  const isPlaying = () => [...document.querySelectorAll('video')].some((video: any) => !video.paused && video.currentTime > 0.3);
  await page.waitForFunction(isPlaying);
  await page.mouse.move(200, 400);
  for (let count = 0; count < 6; count++) {
    await page.mouse.wheel(0, 860);
    await page.waitForTimeout(1_200);
  }
  await page.waitForFunction(isPlaying);
  assert.ok((await page.locator('video').count()) <= 3);
  await page.waitForTimeout(4_000);
  assert.ok(told.includes('/v1/impressions') && told.includes('/v1/watch-progress'));
});

test('the first design’s own component shows its list and tells what was seen', { skip: !FOLDER }, async () => {
  const page = await context.newPage();
  const told: string[] = [];
  page.on('request', (one) => {
    if (one.url().includes('/v1/impressions')) told.push(one.url());
  });
  await page.goto(`${address}#seed`);
  await page.waitForSelector('[data-testid=card]');
  await page.waitForTimeout(4_000);
  assert.equal(await page.locator('[data-testid=card]').count(), 12);
  assert.ok(told.length > 0);
});
