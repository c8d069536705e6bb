/** The JSON of a glTF, as far as tests edit it. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach anywhere into a file
export type GltfJson = any;

/** Puts JSON and binary together to a GLB file. */
export function writeGlb(json: object, binary: Uint8Array): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(json));
  const textSize = Math.ceil(text.length / 4) * 4;
  const binarySize = Math.ceil(binary.length / 4) * 4;
  const file = new ArrayBuffer(28 + textSize + binarySize);
  const view = new DataView(file);
  const words = [0x46546c67, 2, file.byteLength, textSize, 0x4e4f534a];
  words.forEach((word, i) => {
    view.setUint32(i * 4, word, true);
  });
  new Uint8Array(file, 20, textSize).fill(0x20).set(text);
  view.setUint32(20 + textSize, binarySize, true);
  view.setUint32(24 + textSize, 0x004e4942, true);
  new Uint8Array(file, 28 + textSize).set(binary);
  return file;
}

/** A copy of a GLB file whose JSON, or whose binary in place, `edit` has changed. */
export function editGlb(
  file: ArrayBuffer,
  edit: (json: GltfJson, binary: Uint8Array<ArrayBuffer>) => void,
): ArrayBuffer {
  const textSize = new DataView(file).getUint32(12, true);
  const json = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 20, textSize)));
  const binary = new Uint8Array(file.slice(28 + textSize));
  edit(json, binary);
  return writeGlb(json, binary);
}
