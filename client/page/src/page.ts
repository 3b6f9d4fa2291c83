import type { Client } from '@vroom/feed-web';

import type { Stage } from './stage.js';

/** What the parts of the page share. */
export interface Page {
  client: Client;
  stage: Stage;
  viewer: string;
  seen: Map<string, { post_id: string; source: string; position: number; session_id: string }>;
  followed: Set<string>;
  start(): Promise<void>;
}
