// The life of a video through Mux's own client for Node: what it answers goes to stdout as JSON.
import { readFileSync } from 'node:fs';

import Mux from '@mux/mux-node';

const [baseURL, tokenId, tokenSecret, webhookSecret, file, signature, body] = process.argv.slice(2);
const mux = new Mux({ baseURL, tokenId, tokenSecret, webhookSecret, maxRetries: 0 });

async function until(done, look) {
  for (let n = 0; n < 300; n++) {
    const found = await look();
    if (done(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it took too long');
}

const upload = await mux.video.uploads.create({
  cors_origin: '*',
  new_asset_settings: { playback_policies: ['signed'], passthrough: 'by mux-node' },
});
await fetch(upload.url, { method: 'PUT', body: readFileSync(file) });
const { asset_id: id } = await until(
  (found) => found.status === 'asset_created',
  () => mux.video.uploads.retrieve(upload.id),
);
const asset = await until((found) => found.status === 'ready', () => mux.video.assets.retrieve(id));
const listed = [];
for await (const one of mux.video.assets.list({ limit: 1 })) listed.push(one.id);
const playbackId = asset.playback_ids[0].id;
const key = await mux.system.signingKeys.create();
const signing = { keyId: key.id, keySecret: key.private_key, expiration: '1h' };
const token = await mux.jwt.signPlaybackId(playbackId, { ...signing, type: 'video' });
const played = await fetch(`${baseURL}/${playbackId}.m3u8?token=${token}`);
await mux.webhooks.verifySignature(body, { 'mux-signature': signature }, webhookSecret);
const event = await mux.webhooks.unwrap(body, { 'mux-signature': signature });
await mux.video.assets.deletePlaybackId(id, playbackId);
const withdrawn = await mux.video.assets.retrieve(id);
await mux.video.assets.delete(id);
let gone;
try {
  await mux.video.assets.retrieve(id);
} catch (error) {
  gone = error instanceof Mux.NotFoundError;
}
console.log(
  JSON.stringify({
    asset,
    listed,
    key: { id: key.id, secret: key.private_key },
    token,
    played: played.status,
    event: event.type,
    left: withdrawn.playback_ids ?? [],
    gone,
  }),
);
