// Writes core/src/openapi.ts anew from docs/openapi.json: `node scripts/types.mjs`.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { apiTypes } from './api-types.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
writeFileSync(`${root}/core/src/openapi.ts`, await apiTypes(root));
