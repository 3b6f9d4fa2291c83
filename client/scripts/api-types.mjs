// The types of the HTTP API, as openapi-typescript makes them of docs/openapi.json.
import { pathToFileURL } from 'node:url';

import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';

/** The text of core/src/openapi.ts. What has a default may be left out of a request. */
export async function apiTypes(root) {
  const document = pathToFileURL(`${root}/../docs/openapi.json`);
  return COMMENT_HEADER + astToString(await openapiTS(document, { defaultNonNullable: false }));
}
