// Uploads as a page makes them: `node uploads.mjs CHROMIUM < jobs.json`, which prints the outcomes as JSON.
import { readFileSync } from 'node:fs';

import { withPage } from './page.mjs';

const clients = { upchunk, uploader, recording };
const jobs = JSON.parse(readFileSync(0, 'utf8'));
const outcomes = await withPage(process.argv[2], async (page) => {
  const all = [];
  for (const job of jobs) all.push(await clients[job.client](page, job));
  return all;
});
console.log(JSON.stringify(outcomes));

// UpChunk with a file. `again` starts anew after an error, as a person would.
async function upchunk(page, { url, file, chunkKiB, again }) {
  const bytes = readFileSync(file).toString('base64');
  return page.evaluate(sendByUpChunk, { url, bytes, chunkKiB, again: again ?? 0 });
}

// A recording of MediaRecorder, sent by UpChunk.
async function recording(page, { url, seconds }) {
  const bytes = await page.evaluate(record, seconds);
  return page.evaluate(sendByUpChunk, { url, bytes, chunkKiB: 256, again: 0 });
}

// The element mux-uploader, with a file that its own input was given.
async function uploader(page, { url, file }) {
  await page.evaluate((endpoint) => {
    const element = document.createElement('mux-uploader');
    element.setAttribute('endpoint', endpoint);
    document.body.replaceChildren(element);
    window.outcome = new Promise((settled) => {
      element.addEventListener('success', () => settled({ ok: true, errors: [] }));
      element.addEventListener('uploaderror', ({ detail }) => settled({ ok: false, errors: [String(detail?.message)] }));
    });
  }, url);
  await page.locator('mux-uploader input[type=file]').first().setInputFiles(file);
  return page.evaluate(() => window.outcome);
}

// What follows runs in the page.

async function sendByUpChunk({ url, bytes, chunkKiB, again }) {
  const file = new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], 'video');
  const outcome = { ok: false, chunks: 0, errors: [], size: file.size };
  for (let attempt = 0; attempt <= again && !outcome.ok; attempt += 1) {
    const upload = UpChunk.createUpload({ endpoint: url, file, chunkSize: chunkKiB, delayBeforeAttempt: 0.01 });
    upload.on('chunkSuccess', () => (outcome.chunks += 1));
    outcome.ok = await new Promise((settled) => {
      upload.on('success', () => settled(true));
      upload.on('error', ({ detail }) => {
        outcome.errors.push(detail.message);
        settled(false);
      });
    });
  }
  return outcome;
}

async function record(seconds) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 128, height: 224 });
  const drawing = canvas.getContext('2d');
  const sound = new AudioContext();
  const tone = sound.createOscillator();
  const heard = sound.createMediaStreamDestination();
  tone.connect(heard);
  tone.start();
  let frame = 0;
  const draw = setInterval(() => {
    drawing.fillStyle = `hsl(${(frame += 7)} 80% 50%)`;
    drawing.fillRect(0, 0, 128, 224);
  }, 40);
  const stream = canvas.captureStream(25);
  stream.addTrack(heard.stream.getAudioTracks()[0]);
  const recorder = new MediaRecorder(stream, { mimeType: 'video/webm;codecs=vp8,opus' });
  const parts = [];
  const begun = new Promise((done) => {
    recorder.ondataavailable = ({ data }) => {
      parts.push(data);
      if (data.size) done();
    };
  });
  const stopped = new Promise((done) => (recorder.onstop = done));
  recorder.start(200);
  // The sound of a new page begins late on a busy machine, and nothing is recorded before.
  await begun;
  setTimeout(() => recorder.stop(), seconds * 1000);
  await stopped;
  clearInterval(draw);
  const whole = new Uint8Array(await new Blob(parts).arrayBuffer());
  return btoa(whole.reduce((text, byte) => text + String.fromCharCode(byte), ''));
}
