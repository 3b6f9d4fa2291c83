import type { Client, Post } from '@vroom/feed';
import Hls from 'hls.js';
import { useEffect, useRef, type ReactElement } from 'react';
import { Image, StyleSheet, View } from 'react-native';

import { NativePlayerPool, type NativePlayer } from './pool';

/** A `<video>` that behaves as expo-video's player, whose own web player knows no HLS. */
class WebPlayer implements NativePlayer {
  readonly video = document.createElement('video');
  timeUpdateEventInterval = 0;
  private hls: Hls | null = null;

  constructor() {
    this.video.playsInline = this.video.muted = true;
    this.video.style.cssText = 'width:100%;height:100%;object-fit:cover';
  }

  get loop() {
    return this.video.loop;
  }
  set loop(loop: boolean) {
    this.video.loop = loop;
  }
  get muted() {
    return this.video.muted;
  }
  set muted(muted: boolean) {
    this.video.muted = muted;
  }
  get currentTime() {
    return this.video.currentTime;
  }
  set currentTime(seconds: number) {
    this.video.currentTime = seconds;
  }
  get duration() {
    return Number.isFinite(this.video.duration) ? this.video.duration : 0;
  }
  get playing() {
    return !this.video.paused;
  }

  play() {
    this.video.play().catch(() => undefined);
  }

  pause() {
    this.video.pause();
  }

  async replaceAsync(source: string | null) {
    this.hls?.destroy();
    this.hls = null;
    if (!source) return;
    if (!Hls.isSupported()) {
      this.video.src = source;
      return;
    }
    this.hls = new Hls({ startPosition: 0, maxBufferLength: 8 });
    this.hls.loadSource(source);
    this.hls.attachMedia(this.video);
  }

  addListener(event: string, listener: (given: never) => void) {
    const tell = () => listener({ currentTime: this.currentTime, isPlaying: this.playing } as never);
    const names = event === 'timeUpdate' ? ['timeupdate'] : ['play', 'pause'];
    names.forEach((name) => this.video.addEventListener(name, tell));
    return { remove: () => names.forEach((name) => this.video.removeEventListener(name, tell)) };
  }

  release() {
    this.hls?.destroy();
    this.video.remove();
  }
}

export function createPool(client: Client): NativePlayerPool<WebPlayer> {
  return new NativePlayerPool(() => new WebPlayer(), client);
}

interface PostVideoProps {
  pool: NativePlayerPool<WebPlayer>;
  post: Post;
  isNear: boolean;
}

export function PostVideo({ pool, post, isNear }: PostVideoProps): ReactElement {
  const place = useRef<View>(null);
  useEffect(() => {
    const video = isNear ? pool.playerOf(post)?.video : null;
    const element = place.current as unknown as HTMLElement | null;
    if (video && element && video.parentElement !== element) {
      const wasPlaying = !video.paused;
      element.append(video);
      // A video that moves within the page stops.
      if (wasPlaying) video.play().catch(() => undefined);
    }
  });
  return (
    <View style={StyleSheet.absoluteFill}>
      <Image source={{ uri: post.thumbnail_url }} style={StyleSheet.absoluteFill} resizeMode="cover" />
      <View ref={place} style={StyleSheet.absoluteFill} />
    </View>
  );
}
