import type { Client, Post } from '@vroom/feed';

/** The part of expo-video's player that is used. */
export interface NativePlayer {
  loop: boolean;
  muted: boolean;
  currentTime: number;
  readonly duration: number;
  readonly playing: boolean;
  timeUpdateEventInterval: number;
  play(): void;
  pause(): void;
  replaceAsync(source: string | null): Promise<void>;
  addListener(event: 'timeUpdate', listener: (update: { currentTime: number }) => void): { remove(): void };
  addListener(event: 'playingChange', listener: (change: { isPlaying: boolean }) => void): { remove(): void };
  release(): void;
}

interface Slot<P> {
  player: P;
  post: Post | null;
  subscriptions: { remove(): void }[];
}

const SIZE = 3;

/**
 * Three players for a list of any length: the current post's and its neighbours', which are loaded ahead.
 *
 * `replaceAsync` loads away from the interface's thread; `replace` stops it for as long as it takes.
 */
export class NativePlayerPool<P extends NativePlayer = NativePlayer> {
  private readonly slots: Slot<P>[] = [];
  private current: Post | null = null;
  private muted = false;

  constructor(
    private readonly create: () => P,
    private readonly client: Pick<Client, 'playback'>,
  ) {}

  /** Plays a post and makes its neighbours ready. */
  show(post: Post, neighbours: Post[]): void {
    const isNew = this.current?.key !== post.key;
    if (isNew && this.current) this.report(this.slotOf(this.current), true);
    this.current = post;
    const wanted = [post, ...neighbours].slice(0, SIZE);
    const keys = new Set(wanted.map(({ key }) => key));
    const free = this.slots.filter((slot) => !slot.post || !keys.has(slot.post.key));
    for (const one of wanted) {
      let slot = this.slotOf(one);
      if (!slot) {
        slot = free.shift() ?? this.add();
        slot.player.pause();
        slot.post = one;
        slot.player.replaceAsync(one.hls_url).catch(() => undefined);
      }
      if (one.key !== post.key) slot.player.pause();
      else if (isNew) {
        if (slot.player.currentTime > 0) slot.player.currentTime = 0;
        slot.player.muted = this.muted;
        slot.player.play();
      }
    }
  }

  /** The player that holds a post; null where none does. */
  playerOf(post: Post): P | null {
    return this.slotOf(post)?.player ?? null;
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
    const slot = this.current && this.slotOf(this.current);
    if (slot) slot.player.muted = muted;
  }

  setPaused(paused: boolean): void {
    const slot = this.current && this.slotOf(this.current);
    if (paused) slot?.player.pause();
    else slot?.player.play();
  }

  release(): void {
    this.current = null;
    for (const { player, subscriptions } of this.slots.splice(0)) {
      subscriptions.forEach((subscription) => subscription.remove());
      player.release();
    }
  }

  private slotOf(post: Post): Slot<P> | null {
    return this.slots.find((slot) => slot.post?.key === post.key) ?? null;
  }

  private add(): Slot<P> {
    const player = this.create();
    player.loop = true;
    player.timeUpdateEventInterval = 0.25;
    const slot: Slot<P> = { player, post: null, subscriptions: [] };
    slot.subscriptions.push(
      player.addListener('timeUpdate', () => this.report(slot, !player.playing)),
      player.addListener('playingChange', ({ isPlaying }) => this.report(slot, !isPlaying)),
    );
    this.slots.push(slot);
    return slot;
  }

  private report(slot: Slot<P> | null, paused: boolean): void {
    if (!slot?.post || slot.post.key !== this.current?.key) return;
    const { currentTime, duration } = slot.player;
    this.client.playback(slot.post.post_id, {
      positionMs: currentTime * 1000,
      durationMs: duration > 0 ? duration * 1000 : slot.post.duration_ms,
      paused,
    });
  }
}
