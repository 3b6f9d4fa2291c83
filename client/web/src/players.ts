import type { Client, Post } from '@vroom/feed';
import type Hls from 'hls.js';

/** A `<video>` and the post that it holds. */
interface Player {
  readonly video: HTMLVideoElement;
  post: Post | null;
  hls: Hls | null;
}

export interface PoolOptions {
  /** Is told what a video that plays has reached. */
  client: Pick<Client, 'playback'>;
  /** Loads hls.js where the browser plays no HLS itself. */
  loadHls(): Promise<typeof Hls>;
  /** Puts a post's video where it belongs in the page. */
  place(video: HTMLVideoElement, post: Post): void;
}

const SIZE = 3;

/**
 * Three `<video>` elements for a list of any length: the current post's and its two neighbours'.
 *
 * The neighbours are loaded and decoded up to their first frame, so that a swipe shows it at once.
 */
export class PlayerPool {
  private readonly players: Player[] = [];
  private current: Post | null = null;
  private muted = true;
  private paused = false;

  constructor(private readonly options: PoolOptions) {}

  /** Plays a post, and makes its neighbours ready. */
  show(post: Post, neighbours: Post[]): void {
    const isNew = this.current?.key !== post.key;
    const previous = this.current && this.playerOf(this.current);
    if (isNew && previous) this.report(previous, true);
    this.current = post;
    const wanted = [post, ...neighbours].slice(0, SIZE);
    const keys = new Set(wanted.map(({ key }) => key));
    const free = this.players.filter((player) => !player.post || !keys.has(player.post.key));
    for (const one of wanted) {
      let player = this.playerOf(one);
      if (!player) {
        player = free.shift() ?? this.make();
        this.load(player, one);
      }
      if (one.key !== post.key) player.video.pause();
      else if (isNew) {
        this.paused = false;
        if (player.video.currentTime > 0) player.video.currentTime = 0;
        this.follow(player);
      }
    }
  }

  /** The current post's video. */
  get video(): HTMLVideoElement | null {
    return (this.current && this.playerOf(this.current)?.video) ?? null;
  }

  get isMuted(): boolean {
    return this.muted;
  }

  set isMuted(muted: boolean) {
    this.muted = muted;
    if (this.video) this.video.muted = muted;
  }

  get isPaused(): boolean {
    return this.paused;
  }

  set isPaused(paused: boolean) {
    this.paused = paused;
    const player = this.current && this.playerOf(this.current);
    if (player) this.follow(player);
  }

  /** Empties all players, for another list. */
  clear(): void {
    this.current = null;
    for (const player of this.players) this.unload(player);
  }

  private playerOf(post: Post): Player | null {
    return this.players.find((player) => player.post?.key === post.key) ?? null;
  }

  private make(): Player {
    const video = document.createElement('video');
    video.loop = video.playsInline = video.muted = true;
    video.preload = 'auto';
    video.tabIndex = -1;
    const player: Player = { video, post: null, hls: null };
    for (const type of ['timeupdate', 'pause', 'playing', 'seeked']) {
      video.addEventListener(type, () => this.report(player, video.paused));
    }
    this.players.push(player);
    return player;
  }

  private report({ post, video }: Player, paused: boolean): void {
    if (!post || post.key !== this.current?.key) return;
    const durationMs = Number.isFinite(video.duration) ? video.duration * 1000 : post.duration_ms;
    this.options.client.playback(post.post_id, { positionMs: video.currentTime * 1000, durationMs, paused });
  }

  /** Plays or pauses as the viewer wants it; without sound where the browser allows none yet. */
  private follow({ video, post }: Player): void {
    video.muted = this.muted;
    if (this.paused) {
      video.pause();
      return;
    }
    video.play().catch((problem: DOMException) => {
      if (problem.name !== 'NotAllowedError' || this.current?.key !== post?.key) return;
      video.muted = true;
      video.play().catch(() => undefined);
    });
  }

  private unload(player: Player): void {
    player.hls?.destroy();
    player.hls = player.post = null;
    player.video.pause();
    player.video.removeAttribute('src');
    player.video.load();
  }

  private load(player: Player, post: Post): void {
    if (player.post) this.unload(player);
    player.post = post;
    const { video } = player;
    video.poster = post.thumbnail_url;
    this.options.place(video, post);
    if (!('MediaSource' in window) && video.canPlayType('application/vnd.apple.mpegurl')) {
      video.src = post.hls_url;
      return;
    }
    void this.options.loadHls().then((hlsClass) => {
      if (player.post?.key !== post.key) return;
      const hls = new hlsClass({ startPosition: 0, maxBufferLength: 8, maxMaxBufferLength: 16, backBufferLength: 0 });
      player.hls = hls;
      hls.on(hlsClass.Events.ERROR, (_, data) => {
        if (!data.fatal || player.hls !== hls) return;
        if (data.type === hlsClass.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
        else setTimeout(() => player.hls === hls && hls.loadSource(post.hls_url), 2_000);
      });
      hls.loadSource(post.hls_url);
      hls.attachMedia(video);
    });
  }
}
