import type { Client, Post } from '@vroom/feed';
import { createVideoPlayer, VideoView, type VideoPlayer } from 'expo-video';
import { useEffect, useState, type ReactElement } from 'react';
import { Image, StyleSheet, View } from 'react-native';

import { NativePlayerPool, type NativePlayer } from './pool';

type Player = VideoPlayer & NativePlayer;

/** The players of a list. */
export function createPool(client: Client): NativePlayerPool<Player> {
  return new NativePlayerPool<Player>(() => createVideoPlayer(null) as Player, client);
}

interface PostVideoProps {
  pool: NativePlayerPool<Player>;
  post: Post;
  isNear: boolean;
}

/** A post's picture, and its video where a player holds it. */
export function PostVideo({ pool, post, isNear }: PostVideoProps): ReactElement {
  const [player, setPlayer] = useState<Player | null>(null);
  useEffect(() => setPlayer(isNear ? pool.playerOf(post) : null));
  return (
    <View style={StyleSheet.absoluteFill}>
      <Image source={{ uri: post.thumbnail_url }} style={StyleSheet.absoluteFill} resizeMode="cover" />
      {player && <VideoView player={player} style={StyleSheet.absoluteFill} contentFit="cover" nativeControls={false} />}
    </View>
  );
}
