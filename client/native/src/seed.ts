import type { Client, Media, UploadMade } from '@vroom/feed';

const CHUNK = 4 * 1024 * 1024;

export interface SeedOptions {
  client: Client;
  baseUrl: string;
  getToken(): string | Promise<string>;
  media: () => Promise<Media>;
}

/**
 * The functions by the names that apps of the first design call.
 *
 * New apps call the client: `uploadVideo` does in one call what `processVideoForUpload`, `create-mux-upload`
 * and `uploadToMux` do in three, and goes on after lost connections.
 */
export function seedFunctions({ client, baseUrl, getToken, media }: SeedOptions) {
  let sizeBytes = 0;

  /** Makes a video smaller where the phone can; the original where it cannot. */
  async function processVideoForUpload(uri: string): Promise<{ uri: string }> {
    const files = await media();
    const original = (await files.open(uri)) as { uri: string; size: number };
    const smaller = await files
      .compress?.(original, { maxDurationMs: 180_000, onProgress: () => undefined })
      .catch(() => null);
    const chosen = (smaller ?? original) as { uri: string; size: number };
    sizeBytes = chosen.size;
    return { uri: chosen.uri };
  }

  /** Stands in for the edge function of that name. */
  async function invoke(name: string, { body }: { body: Record<string, unknown> }) {
    if (name !== 'create-mux-upload') throw new Error(`There is no function ${name}`);
    const answer = await fetch(`${baseUrl}/v1/uploads`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await getToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ size_bytes: sizeBytes, ...body }),
    });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const made = (await answer.json()) as UploadMade;
    return { uploadUrl: made.upload_url, postId: made.post_id };
  }

  /** Sends a file to an address of Mux. */
  async function uploadToMux(uri: string, uploadUrl: string): Promise<void> {
    const files = await media();
    const file = await files.open(uri);
    for (let from = 0; from < file.size; ) {
      const to = Math.min(file.size, from + CHUNK);
      const { status } = await files.put(uploadUrl, file, { from, to, total: file.size }, () => undefined);
      if (status !== 308 && status !== 200 && status !== 201) throw new Error(`HTTP ${status}`);
      from = to;
    }
  }

  return {
    personalizedFeed: client.personalizedFeed,
    getPersonalizedFeed: client.personalizedFeed.getPersonalizedFeed,
    handleViewabilityChange: client.handleViewabilityChange,
    uploadVideo: client.uploadVideo,
    processVideoForUpload,
    uploadToMux,
    supabase: { functions: { invoke } },
  };
}
