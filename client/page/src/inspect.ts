import type { Post } from '@vroom/feed-web';

import { byId, make, nameOf, toast } from './dom.js';
import type { Page } from './page.js';
import { RUNGS } from './rungs.js';
import { coveredByPanel } from './sheets.js';
import { nameOfViewer, switchViewer, tokenOf, VIEWERS } from './viewers.js';
import { DEGRADED, reason } from './words.js';

type Row = Record<string, unknown>;
type Export = { tables: Record<string, { rows: Row[]; total: number }> };

let stopLooking: (() => void) | null = null;
let known: Export | null = null;
let parts: Record<string, boolean> | null = null;

/** Opens or closes the view behind the feed. */
export function toggle(page: Page): void {
  const panel = byId('machinery');
  const isOpen = panel.hidden;
  panel.hidden = !isOpen;
  byId('inspect').setAttribute('aria-pressed', String(isOpen));
  document.body.classList.toggle('inspected', isOpen);
  page.stage.observer.cover(coveredByPanel());
  stopLooking?.();
  stopLooking = null;
  if (!isOpen) return;
  const draw = () => panel.replaceChildren(...sections(page));
  const unsubscribe = page.client.subscribe(draw);
  document.addEventListener('vroom:current', draw);
  const learn = () => void look(page).then(draw);
  const timer = setInterval(learn, 5_000);
  stopLooking = () => {
    unsubscribe();
    document.removeEventListener('vroom:current', draw);
    clearInterval(timer);
  };
  draw();
  learn();
}

async function look(page: Page): Promise<void> {
  try {
    const headers = { authorization: `Bearer ${await tokenOf(page.viewer)}` };
    const answer = await fetch('/v1/me/data', { headers });
    if (answer.ok) known = (await answer.json()) as Export;
    const stack = await fetch('/dev/parts');
    parts = stack.ok ? ((await stack.json()) as Record<string, boolean>) : null;
  } catch {
    // What was known stays.
  }
}

function section(title: string, ...content: (Node | null)[]): HTMLElement {
  return make('section', {}, make('h2', {}, title), ...content);
}

function facts(...pairs: ([string, string | number | null | undefined] | null)[]): HTMLElement {
  const rows = pairs.filter((pair): pair is [string, string | number] => pair?.[1] != null);
  return make('dl', {}, ...rows.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, String(value))]));
}

function bars(values: [string, number][]): HTMLElement {
  const most = Math.max(...values.map(([, value]) => Math.abs(value)), 1e-9);
  return make(
    'ul',
    { class: 'bars' },
    ...values.map(([name, value]) => {
      const fill = make('i', { class: value < 0 ? 'against' : '' });
      fill.style.setProperty('width', `${(Math.abs(value) / most) * 100}%`);
      return make('li', {}, make('span', { dir: 'auto' }, name), make('b', {}, fill), make('small', {}, value.toFixed(2)));
    }),
  );
}

function sections(page: Page): HTMLElement[] {
  const { current } = page.stage;
  return [
    viewerSection(page),
    ...(current ? [postSection(current)] : []),
    pageSection(page),
    outboxSection(page),
    tasteSection(),
    ...(parts && Object.keys(parts).length ? [stackSection(page)] : []),
  ];
}

function viewerSection(page: Page): HTMLElement {
  const choice = make(
    'select',
    {
      'aria-label': 'Viewer',
      change: () => switchViewer(choice.value === 'new' ? undefined : choice.value),
    },
    ...VIEWERS.map(({ id, name }) => make('option', { value: id, selected: id === page.viewer }, name)),
    VIEWERS.some(({ id }) => id === page.viewer)
      ? null
      : make('option', { value: page.viewer, selected: true }, nameOfViewer(page.viewer)),
    make('option', { value: 'new' }, 'Somebody new'),
  );
  return section('Viewer', choice, facts(['id', page.viewer]));
}

type Placed = [post: string, creator: string, source: string, parts: number[], score: number, followed: boolean, propensity: number | null];

/** A post as the server wrote it into the latest page that holds it. */
function placed(post: Post): Placed | null {
  for (const { entries } of known?.tables['feed_pages']?.rows ?? []) {
    const found = (entries as { posts?: Placed[] } | null)?.posts?.find(([id]) => id === post.post_id);
    if (found) return found;
  }
  return null;
}

function postSection(post: Post): HTMLElement {
  const [, , , parts = [], , , propensity] = placed(post) ?? [];
  const names = ['engagement', 'freshness', 'context', 'diversity'];
  const values = parts.map((value, index): [string, number] => [names[index] ?? '', Number(value) || 0]);
  return section(
    'This video',
    facts(
      ['rung', `${post.source} · ${RUNGS[post.source] ?? ''}`],
      ['creator', nameOf(post.creator_id)],
      ['position', post.position],
      ['score', post.score?.toFixed(4)],
      propensity ? ['propensity', propensity.toPrecision(3)] : null,
      ['repeat', post.is_repeat ? 'yes' : 'no'],
      ['post', post.post_id],
    ),
    values.length ? bars(values) : null,
    make('ol', { class: 'reasons' }, ...post.reasons.map((code) => make('li', {}, make('code', {}, code), ` ${reason(code, post.tags)}`))),
  );
}

function pageSection({ client }: Page): HTMLElement {
  const { page, session, error } = client.state;
  return section(
    'Page',
    facts(
      ['cache', page && (page.cache === 'hit' ? 'hit: it was prepared' : 'miss: it was ranked for this request')],
      ['degraded', page?.degraded && `${page.degraded}: ${DEGRADED[page.degraded]}`],
      ['stale cursor', page?.stale_cursor ? 'yes: the queue had expired' : null],
      ['variant', page?.variant],
      ['request', page?.request_id],
      ['session', session?.session_id],
      ['in the list', client.posts.length],
      ['error', error?.message],
    ),
  );
}

function outboxSection({ client, seen }: Page): HTMLElement {
  const { outbox, rejected } = client.state;
  const rows = outbox.slice(-6).map(({ kind, body, open }) =>
    make(
      'li',
      {},
      make('code', {}, kind),
      ` ${String(body['post_id'] ?? body['creator_id'] ?? '').slice(0, 8)} `,
      kind === 'watch' ? `${Number(body['play_ms']) / 1000} s${open ? ', going on' : ''}` : kind === 'impression' ? `${String(body['visible_ms'])} ms` : String(body['action']),
    ),
  );
  return section(
    'Outbox',
    facts(['waiting', outbox.length], ['seen here', seen.size], ['refused', rejected.length || null]),
    make('ul', { class: 'rows' }, ...rows),
    ...rejected.slice(-3).map(({ reason: why }) => make('p', { class: 'quiet' }, why)),
  );
}

function tasteSection(): HTMLElement {
  const rows = (table: string, label: string): [string, number][] =>
    (known?.tables[table]?.rows ?? [])
      .map((row): [string, number] => [
        label === 'creator_id' ? nameOf(String(row[label])) : String(row[label]),
        Number(row['value'] ?? 0),
      ])
      .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]))
      .slice(0, 6);
  const [tags, creators] = [rows('viewer_tag_affinity', 'tag'), rows('viewer_creator_affinity', 'creator_id')];
  const signals = known?.tables['user_interest_signals']?.rows[0];
  return section(
    'Taste, as it is learnt',
    tags.length || creators.length ? null : make('p', { class: 'quiet' }, 'Nothing is learnt yet. Watch something to its end.'),
    tags.length ? bars(tags) : null,
    creators.length ? bars(creators) : null,
    facts(
      ['watches', known?.tables['watch_events']?.total],
      ['impressions', known?.tables['user_post_impressions']?.total],
      ['watch ratio', signals && Number(signals['avg_watch_ratio'] ?? 0).toFixed(2)],
      ['like rate', signals && Number(signals['like_rate'] ?? 0).toFixed(2)],
    ),
  );
}

function stackSection(page: Page): HTMLElement {
  const button = (name: string, isRunning: boolean) =>
    make(
      'button',
      {
        type: 'button',
        class: 'plain',
        click: () => {
          void fetch('/dev/parts', { method: 'POST', body: JSON.stringify({ part: name, running: !isRunning }) }).then(() => {
            toast(isRunning ? `${name} is being taken away` : `${name} is coming back`);
            setTimeout(() => void look(page), 1_500);
          });
        },
      },
      isRunning ? `Take ${name} away` : `Bring ${name} back`,
    );
  return section('Stack', make('p', {}, ...Object.entries(parts ?? {}).map(([name, isRunning]) => button(name, isRunning))));
}
