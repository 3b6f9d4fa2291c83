import type { Post } from '@vroom/feed-web';

import { hueOf, icon, make, nameOf } from './dom.js';
import { RUNGS } from './rungs.js';

export interface CardActions {
  isLiked(post: Post): boolean;
  isFollowed(post: Post): boolean;
  like(post: Post): void;
  follow(post: Post): void;
  share(post: Post): void;
  more(post: Post): void;
  /** Plays or pauses. */
  tap(post: Post): void;
}

export interface Card {
  element: HTMLElement;
  /** Where the video goes. */
  media: HTMLElement;
  setCurrent(isCurrent: boolean): void;
  setPaused(isPaused: boolean): void;
  setProgress(fraction: number): void;
  /** Shows anew what the viewer gave. */
  refresh(): void;
}

/** A post as a screenful. */
export function card(post: Post, actions: CardActions): Card {
  const name = nameOf(post.creator_id);
  const action = (label: string, shape: Parameters<typeof icon>[0], run: () => void) =>
    make('button', { type: 'button', title: label, 'aria-label': label, click: run }, icon(shape));

  const like = action('Like', 'heart', () => actions.like(post));
  like.classList.add('like');
  const follow = make('button', { type: 'button', class: 'follow', click: () => actions.follow(post) });
  const progress = make('i');
  const media = make(
    'div',
    { class: 'media', click: () => actions.tap(post) },
    make('img', { src: post.thumbnail_url, alt: '', decoding: 'async', draggable: 'false' }),
    make('span', { class: 'paused' }, icon('play')),
  );
  const avatar = make('span', { class: 'avatar', 'aria-hidden': 'true' }, name.slice(0, 1).toUpperCase());
  avatar.style.setProperty('--hue', String(hueOf(post.creator_id)));
  const titleId = `title-${post.key}`;
  const element = make(
    'article',
    { 'aria-labelledby': titleId, tabindex: '-1', 'data-key': post.key },
    media,
    make(
      'div',
      { class: 'words' },
      make('div', { class: 'by' }, avatar, make('strong', { id: titleId }, name), follow),
      post.caption && make('p', { dir: 'auto', class: 'caption' }, post.caption),
      post.tags.length > 0 && make('p', { class: 'tags', dir: 'auto' }, post.tags.slice(0, 5).map((tag) => `#${tag}`).join(' ')),
      make('p', { class: 'rung' }, RUNGS[post.source] ?? post.source),
    ),
    make(
      'div',
      { class: 'rail' },
      like,
      action('Share', 'share', () => actions.share(post)),
      action('More about this video', 'more', () => actions.more(post)),
    ),
    make('div', { class: 'progress', 'aria-hidden': 'true' }, progress),
  );

  const refresh = () => {
    like.setAttribute('aria-pressed', String(actions.isLiked(post)));
    const isFollowed = actions.isFollowed(post);
    follow.setAttribute('aria-pressed', String(isFollowed));
    follow.setAttribute('aria-label', isFollowed ? `Unfollow ${name}` : `Follow ${name}`);
    follow.textContent = isFollowed ? 'Following' : 'Follow';
  };
  refresh();
  return {
    element,
    media,
    refresh,
    setCurrent: (isCurrent) => element.classList.toggle('current', isCurrent),
    setPaused: (isPaused) => element.classList.toggle('is-paused', isPaused),
    setProgress: (fraction) => progress.style.setProperty('transform', `scaleX(${fraction})`),
  };
}
