import { useEffect, useState } from 'react';
import { FlatList, Image, Text, View } from 'react-native';

import { getPersonalizedFeed, handleViewabilityChange, processVideoForUpload, supabase, uploadToMux } from './utils/personalizedFeed';
import { userId } from './vroom';

const VideoCard = ({ post }) => (
  <View testID="card" style={{ height: 480 }}>
    <Image source={{ uri: post.thumbnail_url }} style={{ flex: 1 }} />
    <Text>{post.caption}</Text>
  </View>
);

// From here on as the first design has it, to the letter.

const PersonalizedFeedScreen = () => {
  const [posts, setPosts] = useState([]);
  const [loading, setLoading] = useState(true);
  
  useEffect(() => {
    loadFeed();
  }, []);
  
  const loadFeed = async () => {
    const { posts } = await getPersonalizedFeed(userId, 12);
    setPosts(posts);
    setLoading(false);
  };

  return (
    <FlatList
      data={posts}
      renderItem={({ item }) => <VideoCard post={item} />}
      onViewableItemsChanged={handleViewabilityChange}
      viewabilityConfig={{ itemVisiblePercentThreshold: 50 }}
    />
  );
};

const uploadVideo = async (videoUri) => {
  // Client-side preprocessing
  const { uri: processedUri } = await processVideoForUpload(videoUri);
  
  // Create Mux upload
  const uploadResult = await supabase.functions.invoke('create-mux-upload', {
    body: { user_id: userId, max_resolution_tier: '1080p' }
  });
  
  // Upload to Mux
  await uploadToMux(processedUri, uploadResult.uploadUrl);
};

// To here.

export { PersonalizedFeedScreen, uploadVideo };
