// Builds the packages and the page: `node scripts/build.mjs`.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { apiTypes } from './api-types.mjs';
import { buildPackages, buildPage, report } from './bundles.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

writeFileSync(`${root}/core/src/openapi.ts`, await apiTypes(root));
for (const name of ['core', 'web', 'page']) rmSync(`${root}/${name}/dist`, { recursive: true, force: true });
const types = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '--build', '--force', 'core', 'web'], {
  cwd: root,
  stdio: 'inherit',
});
if (types.status) process.exit(types.status);
await buildPackages(root);
await buildPage(root, `${root}/page/dist`);
report(root);
