import type { Client, Post } from '@vroom/feed';
import { useCallback, useEffect, useMemo, useRef, useState, type ReactElement } from 'react';
import { FlatList, StyleSheet, View, type LayoutChangeEvent, type NativeScrollEvent, type NativeSyntheticEvent } from 'react-native';

import { visibleFractions } from './fractions';
import { createPool, PostVideo } from './video';
import { useFeed } from './useFeed';

export interface FeedListProps {
  client: Client;
  /** What lies over a post's video. */
  renderOverlay?: (post: Post, isCurrent: boolean) => ReactElement | null;
  muted?: boolean;
}

/** A feed of full-screen videos: one a screenful, three players, the next page in time. */
export function FeedList({ client, renderOverlay, muted = true }: FeedListProps): ReactElement {
  const { posts, refresh, refreshing } = useFeed(client);
  const [height, setHeight] = useState(0);
  const [currentKey, setCurrentKey] = useState<string | null>(null);
  const pool = useMemo(() => createPool(client), [client]);
  const shown = useRef(new Map<string, number>());
  const offset = useRef(0);

  const look = useCallback(() => {
    const now = new Map<string, number>();
    for (const [index, fraction] of visibleFractions(offset.current, height, posts.length, (one) => ({
      top: one * height,
      height,
    }))) {
      const post = posts[index];
      if (post) now.set(post.key, fraction);
    }
    for (const key of shown.current.keys()) if (!now.has(key)) client.tracker.visible(key, 0);
    for (const [key, fraction] of now) if (shown.current.get(key) !== fraction) client.tracker.visible(key, fraction);
    shown.current = now;
    const index = height ? Math.round(offset.current / height) : 0;
    const post = posts[index];
    if (!post) return;
    setCurrentKey(post.key);
    pool.show(post, [posts[index + 1], posts[index - 1]].filter((one) => !!one));
  }, [client, height, pool, posts]);

  useEffect(look, [look]);
  useEffect(() => pool.setMuted(muted), [pool, muted]);
  useEffect(
    () => () => {
      pool.release();
      client.tracker.clear();
    },
    [client, pool],
  );

  const onScroll = ({ nativeEvent }: NativeSyntheticEvent<NativeScrollEvent>) => {
    offset.current = nativeEvent.contentOffset.y;
    look();
  };
  return (
    <View style={styles.fill} onLayout={({ nativeEvent }: LayoutChangeEvent) => setHeight(nativeEvent.layout.height)}>
      {height > 0 && (
        <FlatList
          data={posts as Post[]}
          keyExtractor={({ key }) => key}
          renderItem={({ item }) => (
            <View style={{ height }}>
              <PostVideo pool={pool} post={item} isNear={isNear(posts, item.key, currentKey)} />
              <View style={[StyleSheet.absoluteFill, styles.overlay]}>{renderOverlay?.(item, item.key === currentKey)}</View>
            </View>
          )}
          getItemLayout={(_, index) => ({ length: height, offset: index * height, index })}
          pagingEnabled
          onScroll={onScroll}
          scrollEventThrottle={16}
          windowSize={5}
          initialNumToRender={2}
          showsVerticalScrollIndicator={false}
          onRefresh={refresh}
          refreshing={refreshing}
          testID="feed"
        />
      )}
    </View>
  );
}

function isNear(posts: readonly Post[], key: string, currentKey: string | null): boolean {
  const index = posts.findIndex((post) => post.key === currentKey);
  return posts.slice(Math.max(0, index - 1), index + 2).some((post) => post.key === key);
}

const styles = StyleSheet.create({ fill: { flex: 1, backgroundColor: '#000' }, overlay: { pointerEvents: 'box-none' } });
