// Checks what is committed: the generated types, the built page, the sizes, the types.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { apiTypes } from './api-types.mjs';
import { buildPackages, buildPage, weight } from './bundles.mjs';

const CORE_BYTES = 6 * 1024;
const PAGE_BYTES = 15 * 1024;
const root = fileURLToPath(new URL('..', import.meta.url));
const faults = [];

if ((await apiTypes(root)) !== readFileSync(join(root, 'core/src/openapi.ts'), 'utf8')) {
  faults.push('core/src/openapi.ts is not what docs/openapi.json says: make client');
}

const compile = (...options) =>
  spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options], { cwd: root, stdio: 'inherit' }).status === 0;
// The page is built by esbuild alone, which checks no types. Its types need those of core and web, which come first.
if (!compile('--build')) faults.push('the types of core or web do not hold');
else if (!compile('--project', 'page')) faults.push('the types of the page do not hold');

await buildPackages(root);
const core = weight(join(root, 'core/dist'), 'index.js');
if (core > CORE_BYTES) faults.push(`core weighs ${core} bytes gzipped, of ${CORE_BYTES}`);

const committed = join(root, 'page/dist');
if (existsSync(join(root, 'page/src/main.ts'))) {
  const fresh = mkdtempSync(join(tmpdir(), 'vroom-page-'));
  await buildPage(root, fresh);
  const names = new Set([...readdirSync(fresh), ...(existsSync(committed) ? readdirSync(committed) : [])]);
  for (const name of names) {
    const [built, kept] = [join(fresh, name), join(committed, name)];
    const same = existsSync(built) && existsSync(kept) && readFileSync(built).equals(readFileSync(kept));
    if (!same) faults.push(`page/dist/${name} is not what its sources build: make client`);
  }
  const page = ['main.js', 'page.css', 'index.html'].reduce((sum, name) => sum + weight(fresh, name), 0);
  if (page > PAGE_BYTES) faults.push(`the page weighs ${page} bytes gzipped, of ${PAGE_BYTES}`);
  rmSync(fresh, { recursive: true });
}

for (const fault of faults) console.error(fault);
process.exitCode = faults.length ? 1 : 0;
