// Serves a page with Mux's upload clients, and opens it in Chromium.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];
const SCRIPTS = {
  '/upchunk.js': 'node_modules/@mux/upchunk/dist/upchunk.js',
  '/mux-uploader.js': 'node_modules/@mux/mux-uploader/dist/mux-uploader.js',
};
const PAGE = `<!doctype html><meta charset="utf-8"><title>Uploads</title>
<script src="/upchunk.js"></script><script src="/mux-uploader.js"></script>`;

function serve(request, response) {
  const script = SCRIPTS[request.url];
  if (script) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(readFileSync(path));
  } else {
    response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
  }
}

// Calls `use` with the open page, and closes all afterwards, whatever happens.
export async function withPage(executablePath, use) {
  const server = createServer(serve);
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const profile = mkdtempSync(join(tmpdir(), 'vroom-browser-'));
  let context;
  try {
    context = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: FLAGS });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    return await use(page);
  } finally {
    await context?.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
