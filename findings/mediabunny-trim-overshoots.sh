#!/usr/bin/env bash
# mediabunny's `trim` runs past its end when it copies a video that has B-frames, and leaves holes there.
#
# Expected: a video of 5 frames a second, trimmed to 5.1 seconds without encoding it anew, ends at 5.2
# seconds at the latest: with the frame that is on the screen then. Seen: it ends at 5.8 seconds, and the
# frame at 5.4 seconds is missing. Frames are copied in the order in which they are decoded, and a frame
# that others refer to comes before them, however late it is shown. A client that clamps videos to a
# longest duration by copying sends longer ones: by two frames of a film, by most of a second of a screen
# recording. To be exact, encode the picture anew (`forceTranscode: true`) or ask for an earlier end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check imageio-ffmpeg==0.6.0
npm install --silent --no-audit --no-fund --prefix . mediabunny@1.61.0
ffmpeg=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
"$ffmpeg" -v error -f lavfi -i testsrc=size=64x64:rate=5:duration=20 \
	-c:v libx264 -bf 3 -b_strategy 0 -g 100 -an recording.mp4
cat >trim.mjs <<'JAVASCRIPT'
import fs from 'node:fs';
import * as media from 'mediabunny';

const END = 5.1;
const open = (bytes) =>
  new media.Input({ source: new media.BufferSource(bytes), formats: media.ALL_FORMATS });
const output = new media.Output({ format: new media.Mp4OutputFormat(), target: new media.BufferTarget() });
const input = open(new Uint8Array(fs.readFileSync('recording.mp4')));
const conversion = await media.Conversion.init({ input, output, trim: { start: 0, end: END } });
await conversion.execute();

const trimmed = open(new Uint8Array(output.target.buffer));
const track = await trimmed.getPrimaryVideoTrack();
const shown = [];
for await (const packet of new media.EncodedPacketSink(track).packets()) {
  shown.push(Number(packet.timestamp.toFixed(3)));
}
shown.sort((a, b) => a - b);
const duration = Number((await track.computeDuration()).toFixed(3));
const { version } = JSON.parse(fs.readFileSync('node_modules/mediabunny/package.json', 'utf8'));
console.log(`mediabunny ${version}: trim to ${END} s gives ${duration} s`);
console.log(`the last frames are shown at ${shown.slice(-5).join(', ')} s`);
const same = duration > END + 0.5 && !shown.includes(5.4) && shown.includes(5.6);
console.log(same ? 'as described' : 'CHANGED');
process.exit(same ? 0 : 1);
JAVASCRIPT
node trim.mjs
