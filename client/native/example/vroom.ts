import { createNativeClient } from '@vroom/feed-native';
import { Platform } from 'react-native';

/** The local stack: `EXPO_PUBLIC_VROOM_URL` where it is not on this machine. */
export const baseUrl = process.env.EXPO_PUBLIC_VROOM_URL ?? (Platform.OS === 'web' ? '' : 'http://10.0.2.2:8787');
export const userId = process.env.EXPO_PUBLIC_VROOM_VIEWER ?? '6f1c4c5e-0000-4000-8000-000000000001';

export async function getToken(): Promise<string> {
  const answer = await fetch(`${baseUrl}/dev/token`, { method: 'POST', body: JSON.stringify({ user_id: userId }) });
  return ((await answer.json()) as { token: string }).token;
}

export const client = createNativeClient({ baseUrl, userId, getToken });
