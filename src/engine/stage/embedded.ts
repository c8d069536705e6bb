import { Texture } from 'three';
import type { GLTFLoaderPlugin, GLTFParser } from 'three/addons/loaders/GLTFLoader.js';

/**
 * A plugin of GLTFLoader that decodes the pictures inside a file as they are. The loader itself gives each an address and
 * fetches it, which a page whose Content-Security-Policy says `connect-src 'self'` forbids.
 */
export function decodeEmbedded(parser: GLTFParser): GLTFLoaderPlugin {
  const loadElsewhere = parser.loadImageSource.bind(parser);
  const decoded = new Map<number, Promise<Texture>>();
  const decode = async (bufferView: number, mimeType: string): Promise<Texture> => {
    const bytes: ArrayBuffer = await parser.getDependency('bufferView', bufferView);
    const image = await createImageBitmap(new Blob([bytes], { type: mimeType }), {
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
    const texture = new Texture(image);
    texture.needsUpdate = true;
    texture.userData.mimeType = mimeType;
    return texture;
  };
  parser.loadImageSource = async (index, loader) => {
    const { bufferView, mimeType } = parser.json.images[index];
    // Others than these come with a loader of their own.
    if (bufferView === undefined || !/^image\/(png|jpeg|webp|avif)$/.test(mimeType))
      return loadElsewhere(index, loader);
    const known = decoded.get(index);
    // Two textures may share a picture and not its sampler.
    if (known) return (await known).clone();
    const texture = decode(bufferView, mimeType);
    decoded.set(index, texture);
    return texture;
  };
  return { name: 'duologue-embedded-pictures' };
}
