import type { Feedback, Post } from '@vroom/feed-web';

import { make, nameOf, toast } from './dom.js';
import type { Page } from './page.js';
import { RUNGS } from './rungs.js';
import { reason } from './words.js';

/** How much of the feed the panel behind it covers: on small screens it lies over the feed. */
export function coveredByPanel(): number {
  const panel = document.getElementById('machinery')!;
  const feed = document.getElementById('feed')!.getBoundingClientRect();
  const over = panel.getBoundingClientRect();
  if (panel.hidden || over.left >= feed.right) return 0;
  return Math.max(0, feed.bottom - Math.max(feed.top, over.top)) / feed.height;
}

/** A sheet over the feed: what it covers is not seen meanwhile. */
export function sheet(page: Page, title: string, content: Node[], onClose?: () => void): HTMLDialogElement {
  const id = `sheet-${title.toLowerCase().replaceAll(/\W+/g, '-')}`;
  const dialog = make(
    'dialog',
    { class: 'sheet', 'aria-labelledby': id },
    make(
      'header',
      {},
      make('h2', { id }, title),
      make('button', { type: 'button', 'aria-label': 'Close', click: () => dialog.close() }, '✕'),
    ),
    ...content,
  );
  dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    page.stage.observer.cover(coveredByPanel());
    dialog.remove();
    onClose?.();
  });
  document.getElementById('stage')!.append(dialog);
  dialog.showModal();
  const feed = document.getElementById('feed')!.getBoundingClientRect();
  // An open dialog is placed by the window: put it at the feet of the stage.
  Object.assign(dialog.style, {
    left: `${feed.left}px`,
    width: `${feed.width}px`,
    bottom: `${innerHeight - feed.bottom}px`,
    maxHeight: `${feed.height * 0.86}px`,
  });
  const over = dialog.getBoundingClientRect();
  const covered = Math.max(0, Math.min(feed.bottom, over.bottom) - Math.max(feed.top, over.top)) / feed.height;
  page.stage.observer.cover(covered);
  return dialog;
}

async function give(page: Page, feedback: Feedback, said: string): Promise<void> {
  const undo = () => {
    page.client.sendFeedback({ ...feedback, undo: true }).catch(() => toast('That could not be undone.'));
  };
  toast(said, { label: 'Undo', run: undo });
  try {
    const how = await page.client.sendFeedback(feedback);
    if (how === 'queued') toast(`${said} It is sent once you are online.`, { label: 'Undo', run: undo });
  } catch {
    toast('That was refused, so the video is back.');
  }
}

/** What can be done about a post besides watching it. */
export function more(page: Page, post: Post): void {
  const name = nameOf(post.creator_id);
  const item = (label: string, hint: string, run: () => void) =>
    make(
      'button',
      {
        type: 'button',
        class: 'item',
        click: () => {
          dialog.close();
          run();
        },
      },
      make('strong', {}, label),
      make('small', {}, hint),
    );
  const postId = post.post_id;
  const dialog = sheet(page, 'This video', [
    item('Why this video', 'What put it here', () => why(page, post)),
    item('Not interested', 'Fewer like this one', () =>
      void give(page, { action: 'not_interested', postId }, 'You will see fewer like this one.'),
    ),
    item(`Hide ${name}`, 'Nothing more of this creator', () =>
      void give(page, { action: 'hide_creator', creatorId: post.creator_id }, `${name} is hidden.`),
    ),
    item('Report', 'It breaks the rules', () => void give(page, { action: 'report', postId }, 'Thank you. It is reported.')),
  ]);
}

/** Why a post is where it is, in words. */
export function why(page: Page, post: Post): void {
  sheet(page, 'Why this video', [
    make('p', { class: 'lead' }, RUNGS[post.source] ?? post.source),
    make('ol', { class: 'reasons' }, ...post.reasons.map((code) => make('li', {}, reason(code, post.tags)))),
    make(
      'p',
      { class: 'quiet' },
      post.score === null ? 'It has no score.' : `Its score is ${post.score.toFixed(3)}, from 0 to 1. The reasons stand in order of weight.`,
    ),
  ]);
}
