import type { Client, ClientState, Post } from '@vroom/feed';
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';

export interface FeedHook {
  posts: readonly Post[];
  state: ClientState;
  refreshing: boolean;
  refresh(): void;
}

/** The client's list, fetched at first use; the component renders again when it changes. */
export function useFeed(client: Client): FeedHook {
  const posts = useSyncExternalStore(
    client.subscribe,
    () => client.posts,
    () => client.posts,
  );
  const [refreshing, setRefreshing] = useState(false);
  const refresh = useCallback(() => {
    setRefreshing(true);
    client.personalizedFeed
      .refresh()
      .catch(() => undefined) // it is in client.state.error
      .finally(() => setRefreshing(false));
  }, [client]);
  useEffect(() => {
    if (!client.posts.length && !client.state.loading) refresh();
  }, [client, refresh]);
  return { posts, state: client.state, refreshing, refresh };
}
