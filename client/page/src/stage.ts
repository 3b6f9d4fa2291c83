import { PlayerPool, VisibilityObserver, type Client, type Post } from '@vroom/feed-web';

import { card, type Card, type CardActions } from './card.js';
import { byId, isStill } from './dom.js';

const AROUND = 2; // cards on each side of the current one that are in the page
const SETTLE_MS = 90;

/** The pager: as long as the list, but only the cards around the current one are in the page. */
export class Stage {
  readonly pool: PlayerPool;
  readonly observer: VisibilityObserver;
  private readonly scroller = byId('feed');
  private readonly run = document.createElement('div');
  private readonly cards = new Map<string, Card>();
  private posts: readonly Post[] = [];
  private index = 0;
  private settling = 0;

  constructor(
    private readonly client: Client,
    private readonly actions: CardActions,
    private readonly onCurrent: (post: Post | null) => void,
  ) {
    this.run.className = 'run';
    this.scroller.replaceChildren(this.run);
    this.observer = new VisibilityObserver(client.tracker, this.scroller);
    this.pool = new PlayerPool({
      client,
      loadHls: async () => (await import('hls.js')).default,
      place: (video, post) => {
        this.cards.get(post.key)?.media.prepend(video);
        video.setAttribute('aria-label', post.caption || 'Video');
      },
    });
    this.scroller.addEventListener('scroll', () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.jump(this.index)).observe(this.scroller);
  }

  get current(): Post | null {
    return this.posts[this.index] ?? null;
  }

  cardOf(post: Post): Card | undefined {
    return this.cards.get(post.key);
  }

  /** Shows a list; the current post stays where it is, or gives way to the next one that is left. */
  update(posts: readonly Post[]): void {
    if (posts === this.posts) return;
    const left = new Map(posts.map((post, index) => [post.key, index]));
    const next = this.posts.slice(this.index).find(({ key }) => left.has(key));
    const index = next ? left.get(next.key)! : this.posts.some(({ key }) => left.has(key)) ? posts.length - 1 : 0;
    const isOther = this.current?.key !== posts[index]?.key;
    this.posts = posts;
    this.run.style.height = `${posts.length * 100}%`;
    if (index !== this.index) this.jump(index);
    else if (isOther) this.settle(0);
    this.draw();
  }

  go(step: number): void {
    const index = Math.max(0, Math.min(this.posts.length - 1, this.index + step));
    this.scroller.scrollTo({ top: index * this.scroller.clientHeight, behavior: isStill() ? 'instant' : 'smooth' });
  }

  private jump(index: number): void {
    this.index = Math.max(0, index);
    this.scroller.scrollTo({ top: this.index * this.scroller.clientHeight, behavior: 'instant' });
    this.settle(0);
    this.draw();
  }

  private scrolled(): void {
    const index = Math.round(this.scroller.scrollTop / Math.max(1, this.scroller.clientHeight));
    if (index === this.index || !this.posts[index]) return;
    const isNeighbour = Math.abs(index - this.index) === 1;
    this.index = index;
    this.draw();
    // A fling passes many: only where it comes to rest is anything loaded.
    this.settle(isNeighbour && !this.settling ? 0 : SETTLE_MS);
  }

  private settle(after: number): void {
    clearTimeout(this.settling);
    this.settling = window.setTimeout(() => {
      this.settling = 0;
      const { current } = this;
      this.onCurrent(current);
      if (!current) {
        this.pool.clear();
        return;
      }
      const neighbours = [this.posts[this.index + 1], this.posts[this.index - 1]];
      this.pool.show(current, neighbours.filter((post) => !!post));
      for (const [key, one] of this.cards) one.setCurrent(key === current.key);
    }, after);
  }

  private draw(): void {
    const wanted = new Map<string, [Post, number]>();
    for (let index = this.index - AROUND; index <= this.index + AROUND; index++) {
      const post = this.posts[index];
      if (post) wanted.set(post.key, [post, index]);
    }
    for (const [key, { element }] of this.cards) {
      if (wanted.has(key)) continue;
      this.observer.unobserve(element);
      element.remove();
      this.cards.delete(key);
    }
    for (const [key, [post, index]] of wanted) {
      let found = this.cards.get(key);
      if (!found) {
        found = card(post, this.actions);
        this.cards.set(key, found);
        this.run.append(found.element);
        this.observer.observe(found.element, key);
      }
      found.element.style.top = `${(index / this.posts.length) * 100}%`;
      found.element.style.height = `${100 / this.posts.length}%`;
      found.element.setAttribute('aria-posinset', String(index + 1));
      found.element.setAttribute('aria-setsize', '-1');
      // Nobody tabs into a card that is not on screen.
      found.element.inert = index !== this.index;
    }
  }

  close(): void {
    this.observer.disconnect();
    this.pool.clear();
    void this.client;
  }
}
