// How the packages and the page are bundled, and what they weigh.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

// Names of fields that neither callers nor storage nor the server know: they may be short.
const INTERNAL =
  /^(amend|answered|durationOf|fetchingOf|finish|flushNow|hlsClass|inFlight|isSure|learnTime|observer|outcome|playMs|players|reached|scroller|scrolled|serverNow|settle|settling|stopTimer|writtenAt|written|jump|draw|fractions|covered|setProgress|setPaused|setCurrent|onCurrent)$/;
const common = { bundle: true, format: 'esm', target: 'es2022', minify: true, legalComments: 'none', mangleProps: INTERNAL, logLevel: 'error' };

/** Each package as ES modules; what it imports of others stays an import. */
export async function buildPackages(root) {
  await build({
    ...common,
    entryPoints: [join(root, 'core/src/index.ts')],
    outdir: join(root, 'core/dist'),
    splitting: true,
  });
  const web = join(root, 'web/src');
  if (!existsSync(join(web, 'index.ts'))) return;
  await build({
    ...common,
    entryPoints: ['index.ts', 'compress.ts', 'compress-worker.ts'].map((name) => join(web, name)),
    outdir: join(root, 'web/dist'),
    splitting: true,
    packages: 'external',
  });
}

/** The page: one script that is there at once, the rest when it is needed. */
export async function buildPage(root, out) {
  if (!existsSync(join(root, 'page/src/main.ts'))) return;
  mkdirSync(out, { recursive: true });
  const alias = { '@vroom/feed': join(root, 'core/src/index.ts'), '@vroom/feed-web': join(root, 'web/src/index.ts') };
  await build({
    ...common,
    entryPoints: { main: join(root, 'page/src/main.ts') },
    outdir: out,
    splitting: true,
    chunkNames: '[name]-[hash]',
    alias: { ...alias, 'hls.js': 'hls.js/light' },
  });
  await build({
    ...common,
    format: 'iife',
    entryPoints: { 'compress-worker': join(root, 'web/src/compress-worker.ts') },
    outdir: out,
    alias,
  });
  await build({ ...common, entryPoints: ['page.css', 'more.css'].map((name) => join(root, 'page/src', name)), outdir: out });
  for (const name of ['index.html', 'icon.svg']) {
    writeFileSync(join(out, name), readFileSync(join(root, 'page/src', name)));
  }
}

/** The gzipped size of a script with all that it imports at once, in bytes. */
export function weight(folder, entry, seen = new Set()) {
  if (seen.has(entry)) return 0;
  seen.add(entry);
  const text = readFileSync(join(folder, entry), 'utf8');
  const imported = [...text.matchAll(/(?:\bfrom|\bimport)\s*"\.\/([^"]+)"/g)].map((found) => found[1]);
  return gzipSync(text, { level: 9 }).length + imported.reduce((sum, name) => sum + weight(folder, name, seen), 0);
}

export function report(root) {
  for (const folder of ['core/dist', 'web/dist', 'page/dist']) {
    if (!existsSync(join(root, folder))) continue;
    for (const name of readdirSync(join(root, folder)).filter((one) => /\.(js|css|html)$/.test(one))) {
      const bytes = gzipSync(readFileSync(join(root, folder, name)), { level: 9 }).length;
      console.log(`${`${folder}/${name}`.padEnd(48)} ${String(bytes).padStart(7)} bytes gzipped`);
    }
  }
}
