// Mux's own client for Node against the stand-in: `node mux-node.mjs BASE_URL FILE`, which prints what it saw.
import { readFileSync } from 'node:fs';

import Mux from '@mux/mux-node';

const [baseURL, file] = process.argv.slice(2);
const mux = new Mux({ baseURL, maxRetries: 0 });

const upload = await mux.video.uploads.create({
  cors_origin: '*',
  new_asset_settings: { playback_policies: ['public', 'signed'], passthrough: 'by mux-node', video_quality: 'basic' },
});
const sent = await fetch(upload.url, { method: 'PUT', body: readFileSync(file) });
await fetch(new URL('/control/settle', baseURL), { method: 'POST', body: '{}' });
const { asset_id: assetId } = await mux.video.uploads.retrieve(upload.id);
const asset = await mux.video.assets.retrieve(assetId);
const inputs = await mux.video.assets.retrieveInputInfo(assetId);
const listed = [];
for await (const one of mux.video.assets.list({ limit: 1 })) listed.push(one.id);

const key = await mux.system.signingKeys.create();
const signed = asset.playback_ids.find(({ policy }) => policy === 'signed').id;
const token = await mux.jwt.signPlaybackId(signed, {
  keyId: key.id,
  keySecret: key.private_key,
  expiration: '1h',
  type: 'video',
});
const statusOf = async (path) => (await fetch(new URL(path, baseURL))).status;
const seen = {
  sent: sent.status,
  status: asset.status,
  progress: asset.progress.state,
  container: inputs[0].file.container_format,
  listed,
  assetId,
  signed: await statusOf(`/${signed}.m3u8?token=${token}`),
  unsigned: await statusOf(`/${signed}.m3u8`),
  found: (await mux.video.playbackIds.retrieve(signed)).object.id,
  who: (await mux.system.utilities.whoami()).environment_type,
};
await mux.video.assets.update(assetId, { passthrough: 'changed' });
seen.passthrough = (await mux.video.assets.retrieve(assetId)).passthrough;
await mux.video.assets.delete(assetId);
seen.gone = await mux.video.assets.retrieve(assetId).then(
  () => 'still there',
  (error) => error.constructor.name,
);
console.log(JSON.stringify(seen));
