import { FeedList } from '@vroom/feed-native';
import { useState } from 'react';
import { Pressable, StyleSheet, Text, View } from 'react-native';

import { PersonalizedFeedScreen } from './PersonalizedFeedScreen';
import { client } from './vroom';

export default function App() {
  const [isSeed, setIsSeed] = useState(typeof location !== 'undefined' && location.hash === '#seed');
  return (
    <View style={styles.app}>
      {isSeed ? (
        <PersonalizedFeedScreen />
      ) : (
        <FeedList
          client={client}
          renderOverlay={(post) => (
            <View style={styles.words}>
              <Text style={styles.caption}>{post.caption}</Text>
              <Pressable
                accessibilityRole="button"
                onPress={() => void client.sendFeedback({ action: 'not_interested', postId: post.post_id })}
              >
                <Text style={styles.action}>Not interested</Text>
              </Pressable>
            </View>
          )}
        />
      )}
      <Pressable accessibilityRole="button" style={styles.other} onPress={() => setIsSeed(!isSeed)}>
        <Text style={styles.action}>{isSeed ? 'Feed list' : 'Plain list'}</Text>
      </Pressable>
    </View>
  );
}

const styles = StyleSheet.create({
  app: { flex: 1, backgroundColor: '#0b0c0f' },
  words: { position: 'absolute', left: 16, right: 16, bottom: 32, gap: 8 },
  caption: { color: '#f4f1ea', fontSize: 16 },
  action: { color: '#ffb454', fontWeight: '700' },
  other: { position: 'absolute', right: 16, top: 48 },
});
