import { seedFunctions } from '@vroom/feed-native/seed';
import { Platform } from 'react-native';

import { baseUrl, client, getToken } from '../vroom';

export const {
  personalizedFeed,
  getPersonalizedFeed,
  handleViewabilityChange,
  uploadVideo,
  processVideoForUpload,
  uploadToMux,
  supabase,
} = seedFunctions({
  client,
  baseUrl,
  getToken,
  media: async () => {
    if (Platform.OS === 'web') throw new Error('Uploads of a browser are those of @vroom/feed-web');
    return (await import('../../src/files')).phoneMedia();
  },
});
