import type { Media } from '@vroom/feed';
import { Directory, File, Paths } from 'expo-file-system';

import { nativeMedia, type Compressor, type FileSystem, type NativeFile } from './media';

const folder = () => new Directory(Paths.document, 'vroom-uploads');

const files: FileSystem = {
  sizeOf: (uri) => new File(uri).size ?? 0,
  async read(uri, from, to) {
    const handle = new File(uri).open();
    try {
      handle.offset = from;
      return handle.readBytes(to - from);
    } finally {
      handle.close();
    }
  },
  addressOf: (name) => new File(folder(), name).uri,
  async copy(uri, name) {
    if (!folder().exists) folder().create({ intermediates: true });
    const target = new File(folder(), name);
    if (target.uri === uri) return;
    if (target.exists) target.delete();
    await new File(uri).copy(target);
  },
  async remove(name) {
    const target = new File(folder(), name);
    if (target.exists) target.delete();
  },
};

/** Compresses where the app has react-native-compressor; else files are sent as they are. */
async function compressor(): Promise<Compressor | null> {
  try {
    const { Video, getVideoMetaData } = await import('react-native-compressor');
    let cancellation = '';
    return {
      compress: (uri, { maxSize }, onProgress) =>
        Video.compress(uri, { compressionMethod: 'auto', maxSize, getCancellationId: (id) => (cancellation = id) }, onProgress),
      async durationOf(uri) {
        return (await getVideoMetaData(uri)).duration * 1000;
      },
      cancel: () => Video.cancelCompression(cancellation),
    };
  } catch {
    return null;
  }
}

/** The files of this phone. */
export async function phoneMedia(): Promise<Media> {
  return nativeMedia(files, fetch as never, await compressor()) as Media<NativeFile> as unknown as Media;
}
