import type { Machine } from './platform.js';

/** What counts as seen: at least this fraction, for this long, without a break. */
export interface Viewability {
  fraction: number;
  dwell_ms: number;
}

export interface Tracker {
  /**
   * Tells how much of a post is visible.
   *
   * @param key the post's key.
   * @param fraction max(visible ÷ item, visible ÷ viewport), from 0 to 1. At 0 the showing ends.
   */
  visible(key: string, fraction: number): void;
  /** Tells whether the app is in front. Nothing is seen while it is not. */
  setForeground(front: boolean): void;
  /** Ends all showings. */
  clear(): void;
}

interface Showing {
  fraction: number;
  since: number | null;
  total: number;
  stopTimer: (() => void) | null;
  /** Tells the time so far of a showing that was counted. */
  finish: ((visibleMs: number) => void) | null;
}

/**
 * Times how long each post is visible, and counts a showing once it has lasted.
 *
 * @param onSeen called when a showing counts; what it returns is called with its time whenever it is interrupted.
 * @param onEnd called when a post has left the screen.
 */
export function createTracker(
  machine: Machine,
  viewability: () => Viewability,
  onSeen: (key: string, visibleMs: number) => ((visibleMs: number) => void) | null,
  onEnd: (key: string) => void,
): Tracker {
  const showings = new Map<string, Showing>();
  let front = true;

  function start(key: string, showing: Showing): void {
    if (showing.since !== null) return;
    const since = (showing.since = machine.clock());
    if (showing.finish) return;
    const { dwell_ms } = viewability();
    const look = () => {
      const seen = machine.clock() - since;
      // Timers may fire early, by a clock that is not this one.
      if (seen < dwell_ms) showing.stopTimer = machine.after(dwell_ms - seen, look);
      else showing.finish ??= onSeen(key, showing.total + seen);
    };
    showing.stopTimer = machine.after(dwell_ms, look);
  }

  function stop(showing: Showing): void {
    showing.stopTimer?.();
    if (showing.since === null) return;
    if (showing.finish) {
      showing.total += machine.clock() - showing.since;
      showing.finish(showing.total);
    }
    showing.since = null;
  }

  function end(key: string, showing: Showing): void {
    stop(showing);
    showings.delete(key);
    onEnd(key);
  }

  return {
    visible(key, fraction) {
      let showing = showings.get(key);
      if (!(fraction > 0)) {
        if (showing) end(key, showing);
        return;
      }
      if (!showing) {
        showing = { fraction, since: null, total: 0, stopTimer: null, finish: null };
        showings.set(key, showing);
      }
      showing.fraction = fraction;
      // Fractions are quotients of rounded pixels: half is half.
      if (front && fraction >= viewability().fraction - 1e-3) start(key, showing);
      else stop(showing);
    },
    setForeground(now) {
      if (front === now) return;
      front = now;
      for (const [key, showing] of showings) {
        if (front && showing.fraction >= viewability().fraction - 1e-3) start(key, showing);
        else stop(showing);
      }
    },
    clear() {
      for (const [key, showing] of showings) end(key, showing);
    },
  };
}
