import AsyncStorage from '@react-native-async-storage/async-storage';
import { createClient, type Client, type ClientOptions } from '@vroom/feed';
import * as Crypto from 'expo-crypto';
import { AppState, Platform } from 'react-native';

import { asyncStorage } from './storage';

export type NativeClientOptions = Omit<ClientOptions, 'storage' | 'uuid'> & { storage?: ClientOptions['storage'] };

/** A client of this app: rows in AsyncStorage; it follows the app to the background and back. */
export function createNativeClient(options: NativeClientOptions): Client {
  const client = createClient({
    device: Platform.OS === 'web' ? 'desktop' : Platform.isTV ? 'tv' : 'phone',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    media: async () => (await import('./files')).phoneMedia(),
    ...options,
    uuid: () => Crypto.randomUUID(),
    storage: options.storage ?? asyncStorage(AsyncStorage),
  });
  // The system may end an app in the background without another word: what is queued is sent now.
  const subscription = AppState.addEventListener('change', (state) => client.setForeground(state === 'active'));
  const { close } = client;
  client.close = async () => {
    subscription.remove();
    await close();
  };
  return client;
}
