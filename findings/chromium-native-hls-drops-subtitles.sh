#!/usr/bin/env bash
# Chromium says that it may play HLS by itself, and then plays without the stream's subtitles.
#
# Expected: a browser whose canPlayType("application/vnd.apple.mpegurl") says "maybe" offers the subtitles of
# a stream as text tracks, as Safari does. Seen: Chromium says "maybe" since it plays HLS without a library,
# plays picture and sound, and offers no text track, while hls.js finds one in the same stream. A page
# that asks canPlayType first and loads hls.js only where the answer is empty was written when only Safari
# said "maybe"; in today's Chromium its viewers lose the captions. Ask for MediaSource first.
#
# The browser comes from npm and needs the libraries that Debian's package chromium depends on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check imageio-ffmpeg==0.6.0
npm install --silent --no-audit --no-fund --prefix . \
	@sparticuz/chromium@147.0.0 puppeteer-core@24.43.1 hls.js@1.7.4
ffmpeg=$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
mkdir stream
"$ffmpeg" -v error -f lavfi -i testsrc=size=320x180:rate=30:duration=6 -f lavfi -i sine=duration=6 \
	-c:v libx264 -pix_fmt yuv420p -g 60 -c:a aac -hls_time 2 -hls_playlist_type vod stream/video.m3u8
printf 'WEBVTT\n\n00:00.000 --> 00:05.000\nHello\n' >stream/en.vtt
cat >stream/en.m3u8 <<'PLAYLIST'
#EXTM3U
#EXT-X-TARGETDURATION:6
#EXT-X-PLAYLIST-TYPE:VOD
#EXTINF:6,
en.vtt
#EXT-X-ENDLIST
PLAYLIST
cat >stream/main.m3u8 <<'PLAYLIST'
#EXTM3U
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="text",NAME="English",DEFAULT=YES,AUTOSELECT=YES,LANGUAGE="en",URI="en.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.64000d,mp4a.40.2",RESOLUTION=320x180,SUBTITLES="text"
video.m3u8
PLAYLIST
cp node_modules/hls.js/dist/hls.min.js stream/
echo '<!doctype html><script src="hls.min.js"></script>' >stream/index.html
cat >play.mjs <<'JAVASCRIPT'
import fs from 'node:fs';
import http from 'node:http';
import chromium from '@sparticuz/chromium';
import puppeteer from 'puppeteer-core';

const types = { html: 'text/html', js: 'text/javascript', vtt: 'text/vtt', ts: 'video/mp2t' };
const server = http.createServer((request, response) => {
  const name = request.url.slice(1) || 'index.html';
  const type = types[name.split('.').pop()] ?? 'application/vnd.apple.mpegurl';
  fs.readFile(`stream/${name}`, (error, data) => {
    response.writeHead(error ? 404 : 200, { 'Content-Type': type });
    response.end(data);
  });
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(),
  args: [...chromium.args, '--autoplay-policy=no-user-gesture-required'],
  headless: 'shell',
});
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const play = (byLibrary) =>
  page.evaluate(async (byLibrary) => {
    const video = document.createElement('video');
    video.muted = true;
    document.body.append(video);
    const ended = new Promise((resolve, reject) => {
      video.addEventListener('ended', resolve);
      video.addEventListener('error', () => reject(new Error(video.error?.message)));
    });
    if (byLibrary) {
      const player = new Hls();
      player.loadSource('main.m3u8');
      player.attachMedia(video);
    } else {
      video.src = 'main.m3u8';
    }
    await video.play();
    await ended;
    return { seconds: Math.round(video.duration), width: video.videoWidth, tracks: video.textTracks.length };
  }, byLibrary);
const says = await page.evaluate(() =>
  document.createElement('video').canPlayType('application/vnd.apple.mpegurl'));
const native = await play(false);
const library = await play(true);
console.log(`${await browser.version()}: canPlayType says "${says}"`);
console.log(`by itself: ${JSON.stringify(native)}`);
console.log(`hls.js:    ${JSON.stringify(library)}`);
await browser.close();
server.close();
const same = says === 'maybe' && native.seconds === 6 && native.width === 320
  && native.tracks === 0 && library.tracks === 1;
console.log(same ? 'as described' : 'CHANGED');
process.exit(same ? 0 : 1);
JAVASCRIPT
TMPDIR="$folder" node play.mjs
