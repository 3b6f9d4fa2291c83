import type { Tracker } from '@vroom/feed';

// 0, 0.05 … 1: each crossing is told, so that a fraction is never off by more than a twentieth.
const THRESHOLDS = Array.from({ length: 21 }, (_, index) => index / 20);

/**
 * Tells a tracker how much of each element is visible.
 *
 * An observer sees what a scroller clips, not what lies on top: a page that opens a sheet over its feed
 * says so by `cover`.
 */
export class VisibilityObserver {
  private readonly observer: IntersectionObserver;
  private readonly keys = new Map<Element, string>();
  private readonly fractions = new Map<string, number>();
  private covered = 0;

  constructor(
    private readonly tracker: Pick<Tracker, 'visible'>,
    root: Element | null = null,
  ) {
    this.observer = new IntersectionObserver((entries) => this.look(entries), { root, threshold: THRESHOLDS });
  }

  observe(element: Element, key: string): void {
    this.keys.set(element, key);
    this.observer.observe(element);
  }

  unobserve(element: Element): void {
    const key = this.keys.get(element);
    this.observer.unobserve(element);
    this.keys.delete(element);
    if (key !== undefined && this.fractions.delete(key)) this.tracker.visible(key, 0);
  }

  /** Tells that a sheet lies over this fraction of the feed; 0 takes it away again. */
  cover(fraction: number): void {
    this.covered = fraction;
    for (const [key, visible] of this.fractions) this.tell(key, visible);
  }

  disconnect(): void {
    this.observer.disconnect();
    for (const key of this.fractions.keys()) this.tracker.visible(key, 0);
    this.fractions.clear();
    this.keys.clear();
  }

  private tell(key: string, visible: number): void {
    // The showing of a covered post goes on; its time does not.
    this.tracker.visible(key, visible && Math.max(visible * (1 - this.covered), 0.001));
  }

  private look(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting, intersectionRect, boundingClientRect, rootBounds } of entries) {
      const key = this.keys.get(target);
      if (key === undefined) continue;
      const area = ({ width, height }: DOMRectReadOnly) => width * height;
      const visible = isIntersecting ? area(intersectionRect) : 0;
      const of = (rect: DOMRectReadOnly | null) => (rect && area(rect) > 0 ? visible / area(rect) : 0);
      const told = Math.min(1, Math.max(of(boundingClientRect), of(rootBounds)));
      // Chromium says nothing more of an element whose edge touches the scroller's: it has left by then.
      const fraction = told < THRESHOLDS[1]! ? 0 : told;
      if (fraction) this.fractions.set(key, fraction);
      else this.fractions.delete(key);
      this.tell(key, fraction);
    }
  }
}
