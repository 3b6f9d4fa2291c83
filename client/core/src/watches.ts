import type { Entry, Outbox } from './outbox.js';
import type { Machine } from './platform.js';
import type { Playback, Reaction, WatchRow } from './types.js';

const FASTEST = 2; // rate of playback that counts in full
const SLACK_MS = 750; // between two reports, by timers of the platform
const WRITE_EVERY_MS = 1_000;
const MOST_LOOPS = 10; // as the server has it

export interface Watches {
  playback(postId: string, playback: Playback): void;
  react(postId: string, reaction: Reaction): void;
  /** Ends the watch of a post, or any. */
  end(postId?: string): void;
}

interface Watch {
  postId: string;
  durationMs: number;
  playMs: number;
  positionMs: number | null;
  at: number;
  reaction: Reaction;
  entry: Entry | null;
  writtenAt: number;
}

/**
 * Adds up what is watched of a post while it is on screen, into one row.
 *
 * The row stands in storage from its first second and is written again as it grows, so that a program
 * that is killed loses a second at most. It is open, and not sent, until the post has left.
 */
export function createWatches(
  machine: Machine,
  outbox: Outbox,
  durationOf: (postId: string) => number | null,
): Watches {
  let current: Watch | null = null;

  function fresh(postId: string): Watch {
    return {
      postId,
      durationMs: durationOf(postId) ?? 0,
      playMs: 0,
      positionMs: null,
      at: machine.clock(),
      reaction: {},
      entry: null,
      writtenAt: 0,
    };
  }

  function begin(postId: string): Watch {
    if (current?.postId === postId) return current;
    end();
    return (current = fresh(postId));
  }

  function save(watch: Watch, open: boolean): void {
    const { postId, durationMs, reaction } = watch;
    if (!(durationMs > 0) || (watch.playMs < 1 && !Object.values(reaction).some(Boolean) && !watch.entry)) return;
    const body: WatchRow = {
      event_id: (watch.entry?.row.body['event_id'] as string) ?? machine.uuid(),
      post_id: postId,
      play_ms: Math.round(Math.min(watch.playMs, MOST_LOOPS * durationMs)),
      duration_ms: Math.round(durationMs),
      liked: !!reaction.liked,
      commented: !!reaction.commented,
      shared: !!reaction.shared,
    };
    watch.writtenAt = machine.clock();
    if (!watch.entry) {
      watch.entry = outbox.add({ kind: 'watch', open, body });
    } else {
      Object.assign(watch.entry.row, { open, body });
      outbox.amend(watch.entry);
    }
  }

  function end(postId?: string): void {
    if (!current || (postId && current.postId !== postId)) return;
    const watch = current;
    current = null;
    save(watch, false);
  }

  return {
    playback(postId, { positionMs, durationMs, paused }) {
      if (paused && current?.postId !== postId) return;
      const watch = begin(postId);
      if (durationMs && durationMs > 0 && Number.isFinite(durationMs)) watch.durationMs = durationMs;
      const clock = machine.clock();
      const most = (clock - watch.at) * FASTEST + SLACK_MS;
      if (watch.positionMs !== null) {
        let step = positionMs - watch.positionMs;
        // A loop goes back by nearly the whole length, a seek by any other.
        if (step < 0 && -step > watch.durationMs / 2) step += watch.durationMs;
        if (step > 0 && step <= most) watch.playMs += step;
      } else if (positionMs > 0 && positionMs <= SLACK_MS) watch.playMs += positionMs;
      watch.positionMs = positionMs;
      watch.at = clock;
      if (clock - watch.writtenAt >= WRITE_EVERY_MS || (paused && watch.entry)) save(watch, true);
    },
    react(postId, reaction) {
      // A reaction to a post that is not playing has a row of its own: a like counts once, however often sent.
      const watch = current && current.postId !== postId ? fresh(postId) : begin(postId);
      Object.assign(watch.reaction, reaction);
      save(watch, watch === current);
    },
    end,
  };
}
