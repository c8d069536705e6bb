import { readSafetensors } from '../src/engine/model/checkpoint.ts';

/** Golden vectors by name, as PyTorch computed them. */
export function goldenVectors(file: ArrayBuffer, where: string) {
  const { entries } = readSafetensors(file, where);
  return (name: string) => {
    const tensor = entries.get(name);
    if (!tensor) throw new Error(`${where} has no ${name}: run \`npm run golden\``);
    const { shape } = tensor;
    const values = new Float32Array(tensor.bytes.slice().buffer);
    const width = values.length / shape[0];
    return { shape, values, row: (i: number) => values.subarray(i * width, (i + 1) * width) };
  };
}

/** The largest |a − b|; NaN anywhere gives NaN. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>) {
  if (a.length !== b.length) return Number.NaN;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i] - b[i]);
    if (!(d <= most)) most = d;
  }
  return most;
}
