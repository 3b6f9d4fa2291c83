/** Real Chromium on a page of a running stack. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, type BrowserContext, type Page } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
  '--enable-precise-memory-info',
];

export const BASE = process.env['BASE_URL'] ?? 'http://127.0.0.1:8787';
export const PICTURES = process.env['PICTURES'] ?? '';

/** A browser with a new profile, which is gone afterwards. */
export async function browser(viewport = { width: 1280, height: 860 }): Promise<{ context: BrowserContext; close(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), 'vroom-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    viewport,
  });
  return {
    context,
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** The page as a viewer whom nobody has seen before; what went wrong in it is collected. */
export async function open(context: BrowserContext, viewer: string): Promise<{ page: Page; faults: string[] }> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // A failed request is a matter of the network, which these tests take away on purpose.
    if (message.type() === 'error' && !message.text().includes('Failed to load resource')) faults.push(message.text());
  });
  await context.addInitScript((id) => localStorage.setItem('vroom-viewer', id), viewer);
  await page.goto(BASE);
  await ready(page);
  return { page, faults };
}

export async function ready(page: Page): Promise<void> {
  await page.waitForFunction(() => (window as never as { vroom?: { client: { posts: unknown[] } } }).vroom?.client.posts.length);
  await page.waitForSelector('article.current');
}

/** Swipes to the next post, and waits until it is the current one. */
export async function swipe(page: Page, dwellMs: number): Promise<void> {
  const key = await page.getAttribute('article.current', 'data-key');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction((old) => document.querySelector('article.current')?.getAttribute('data-key') !== old, key);
  await page.waitForTimeout(dwellMs);
}

export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}
