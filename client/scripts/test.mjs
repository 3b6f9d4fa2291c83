// Bundles the tests and runs them with Node's own runner: `node scripts/test.mjs [folder …]`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = process.argv.slice(2).length ? process.argv.slice(2) : ['core/test', 'web/test', 'native/test', 'page/test'];

function* tests(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* tests(path);
    else if (/\.test\.tsx?$/.test(name)) yield path;
  }
}

const files = folders.flatMap((folder) => {
  try {
    return [...tests(join(root, folder))];
  } catch {
    return [];
  }
});
// Beside the sources, so that packages are found.
const out = mkdtempSync(join(root, '.tests-'));
try {
  await build({
    entryPoints: files,
    outdir: out,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    packages: 'external',
    outExtension: { '.js': '.mjs' },
    alias: { '@vroom/feed': join(root, 'core/src/index.ts'), '@vroom/feed-web': join(root, 'web/src/index.ts') },
    logLevel: 'error',
  });
  const built = [...(function* walk(folder) {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) yield* walk(path);
      else if (name.endsWith('.test.mjs')) yield path;
    }
  })(out)];
  const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', `--test-reporter=${process.env.REPORTER ?? 'dot'}`, ...built], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
