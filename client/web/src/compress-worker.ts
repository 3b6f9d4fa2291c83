import {
  ALL_FORMATS,
  BlobSource,
  BufferTarget,
  Conversion,
  Input,
  Mp4OutputFormat,
  Output,
  QUALITY_MEDIUM,
} from 'mediabunny';

import type { CompressReply, CompressRequest } from './compress.js';

const scope = self as unknown as {
  postMessage(reply: CompressReply): void;
  onmessage: ((event: MessageEvent<CompressRequest>) => void) | null;
};

/** Encodes the picture as H.264 and copies the sound, which few browsers can encode as AAC. */
async function compress({ blob, maxDurationMs, maxHeight }: CompressRequest): Promise<Blob | null> {
  const input = new Input({ source: new BlobSource(blob), formats: ALL_FORMATS });
  const target = new BufferTarget();
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'in-memory' }), target });
  const [picture, sound, duration] = await Promise.all([
    input.getPrimaryVideoTrack(),
    input.getPrimaryAudioTrack(),
    input.computeDuration(),
  ]);
  if (!picture) return null;
  const scale = Math.min(1, maxHeight / Math.min(picture.displayWidth, picture.displayHeight));
  const even = (side: number) => Math.round((side * scale) / 2) * 2;
  const conversion = await Conversion.init({
    input,
    output,
    video: {
      codec: 'avc',
      bitrate: QUALITY_MEDIUM,
      forceTranscode: true,
      ...(scale < 1 && { width: even(picture.displayWidth), height: even(picture.displayHeight), fit: 'fill' as const }),
    },
    ...(duration * 1000 > maxDurationMs && { trim: { start: 0, end: maxDurationMs / 1000 } }),
  });
  const isLost = conversion.discardedTracks.some(({ track }) => track === picture || track === sound);
  if (!conversion.isValid || isLost) return null;
  conversion.onProgress = (progress) => scope.postMessage({ progress });
  await conversion.execute();
  return target.buffer ? new Blob([target.buffer], { type: 'video/mp4' }) : null;
}

scope.onmessage = ({ data }) => {
  compress(data).then(
    (done) => scope.postMessage({ done }),
    (problem: unknown) => scope.postMessage({ failed: String(problem) }),
  );
};
