import { createWebClient, type Post } from '@vroom/feed-web';

import { byId, icon, make, toast } from './dom.js';
import { Stage } from './stage.js';
import { currentViewer, tokenOf } from './viewers.js';
import type { Page } from './page.js';

const viewer = currentViewer();
const client = createWebClient({
  baseUrl: '',
  userId: viewer,
  ...(!/^(localhost|127)/.test(location.hostname) && {
    fetch: async (url, init) => (await import('./elsewhere.js')).ask(url, init as RequestInit),
  }),
  getToken: () => tokenOf(viewer),
  compressWorker: '/page/compress-worker.js',
});
const liked = new Set<string>();
const followed = new Set<string>();
/** Every showing that counted, as the page has it: what the server must come to hold. */
const seen = new Map<string, { post_id: string; source: string; position: number; session_id: string }>();

const stage = new Stage(
  client,
  {
    isLiked: ({ post_id }) => liked.has(post_id),
    isFollowed: ({ creator_id }) => followed.has(creator_id),
    like,
    follow: (post) => void follow(post),
    share,
    more: (post) => void open('more', post),
    tap: () => pause(!stage.pool.isPaused),
  },
  current,
);
const page: Page = { client, stage, viewer, seen, followed, start };

function like(post: Post): void {
  const isLiked = !liked.delete(post.post_id);
  if (isLiked) liked.add(post.post_id);
  client.react(post.post_id, { liked: isLiked });
  stage.cardOf(post)?.refresh();
}

async function follow(post: Post): Promise<void> {
  const { creator_id } = post;
  const isFollowed = !followed.delete(creator_id);
  if (isFollowed) followed.add(creator_id);
  stage.cardOf(post)?.refresh();
  try {
    const answer = await fetch('/dev/follow', {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenOf(viewer)}` },
      body: JSON.stringify({ creator_id, undo: !isFollowed }),
    });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  } catch {
    if (!followed.delete(creator_id)) followed.add(creator_id);
    stage.cardOf(post)?.refresh();
    toast('That did not work. Try again.');
  }
}

function share(post: Post): void {
  client.react(post.post_id, { shared: true });
  void navigator.clipboard?.writeText(post.hls_url);
  toast('Its address is copied');
}

function pause(isPaused: boolean): void {
  stage.pool.isPaused = isPaused;
  if (stage.current) stage.cardOf(stage.current)?.setPaused(isPaused);
}

function sound(isMuted: boolean): void {
  stage.pool.isMuted = isMuted;
  const button = byId('sound');
  button.setAttribute('aria-pressed', String(!isMuted));
  button.setAttribute('aria-label', isMuted ? 'Turn the sound on' : 'Turn the sound off');
  button.replaceChildren(icon(isMuted ? 'mute' : 'sound'));
}

function current(post: Post | null): void {
  if (post) stage.cardOf(post)?.setPaused(false);
  document.title = post?.caption ? `${post.caption.slice(0, 40)} · Vroom` : 'Vroom';
  document.dispatchEvent(new CustomEvent('vroom:current'));
}

/** The looks of what is over and beside the feed, which come with the first of it. */
function looks(): Promise<void> {
  if (document.querySelector('link[href*="more"]')) return Promise.resolve();
  return new Promise((resolve) => {
    document.head.append(make('link', { rel: 'stylesheet', href: 'page/more.css', load: () => resolve() }));
  });
}

async function open(what: 'more' | 'upload' | 'inspect', post?: Post): Promise<void> {
  await looks();
  if (what === 'more' && post) (await import('./sheets.js')).more(page, post);
  else if (what === 'upload') (await import('./uploading.js')).openUpload(page);
  else (await import('./inspect.js')).toggle(page);
}

/** Starts a session and shows its first page. */
async function start(): Promise<void> {
  const feed = byId('feed');
  feed.setAttribute('aria-busy', 'true');
  try {
    await client.personalizedFeed.refresh();
  } catch {
    // What is wrong is in the client's state, and shown from there.
  }
  feed.setAttribute('aria-busy', 'false');
}

function render(): void {
  for (const row of client.state.outbox) {
    const { event_id, post_id, source, position } = row.body as Record<string, string> & { position: number };
    if (row.kind !== 'impression' || row.by !== client.instance || seen.has(event_id!)) continue;
    seen.set(event_id!, { post_id: post_id!, source: source!, position, session_id: row.session! });
  }
  stage.update(client.posts);
  const { error, loading } = client.state;
  const notice = byId('notice');
  notice.hidden = client.posts.length > 0;
  notice.textContent = loading ? 'Looking for videos…' : error ? 'The feed cannot be reached. Trying again…' : 'There are no videos yet. Upload the first one.';
}

let isDrawing = false;
client.subscribe(() => {
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    render();
  });
});

const keys: Record<string, () => void> = {
  ArrowDown: () => stage.go(1),
  ArrowUp: () => stage.go(-1),
  PageDown: () => stage.go(1),
  PageUp: () => stage.go(-1),
  j: () => stage.go(1),
  k: () => stage.go(-1),
  ' ': () => pause(!stage.pool.isPaused),
  m: () => sound(!stage.pool.isMuted),
  l: () => stage.current && like(stage.current),
  f: () => stage.current && void follow(stage.current),
  w: () => stage.current && void open('more', stage.current),
  r: () => void start(),
  u: () => void open('upload'),
  i: () => void open('inspect'),
};
document.addEventListener('keydown', (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (target.matches('input, textarea, select') || (event.key === ' ' && target.matches('button, a'))) return;
  const run = keys[event.key];
  if (!run) return;
  event.preventDefault();
  run();
});

byId('refresh').append(icon('refresh'));
byId('upload').append(icon('plus'));
byId('inspect').append(icon('inspect'));
for (const id of ['refresh', 'upload', 'inspect']) byId(id).setAttribute('aria-label', byId(id).title);
byId('refresh').addEventListener('click', () => void start());
byId('sound').addEventListener('click', () => sound(!stage.pool.isMuted));
byId('upload').addEventListener('click', () => void open('upload'));
byId('inspect').addEventListener('click', () => void open('inspect'));
sound(true);

setInterval(() => {
  const { video } = stage.pool;
  if (video && stage.current && video.duration > 0) {
    stage.cardOf(stage.current)?.setProgress(video.currentTime / video.duration);
  }
}, 250);

// For those who look into it from the console, and for the tests.
Object.assign(window, { vroom: page });

void start();
void client.resumeUploads({}).then(async (uploads) => {
  if (uploads.length) (await import('./uploading.js')).follow(page, uploads);
});
