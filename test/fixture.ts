import { type AnyReference, accessOf, dtypeOf, shapeOf } from '../src/kernels/kernel.ts';
import { type Arena, bytesOf, count, type Tensor } from '../src/kernels/tensor.ts';

/** A kernel is registered by having a folder: its test, its bench and its declaration check are found here. */
export const references = Object.values(
  import.meta.glob<AnyReference>('../src/kernels/*/*.ref.ts', { eager: true, import: 'default' }),
);

/** Words after each tensor, inside its binding: outside it WebGPU would clamp a write past the end unseen. */
export const CANARY = { value: 12345, count: 16 };

/** Numbers in −1…1 from a seed, all of them exact halves. */
export function random(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.round((state / 2 ** 31 - 1) * 2048) / 2048;
  };
}

/** The bits of a number that is exactly a normal half or zero. */
export function halfBits(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const mantissa = (Math.abs(value) / 2 ** exponent - 1) * 1024;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | mantissa;
}

/** Seeded data of a case and the same data on the GPU, with a canary behind every tensor. */
export function place(
  { kernel }: AnyReference,
  { dims, data = {} }: AnyReference['cases'][string],
  arena: Arena,
) {
  const next = random(1);
  const values: Record<string, Float64Array> = {};
  const tensors: Record<string, Tensor> = {};
  for (const [name, use] of Object.entries(kernel.tensors)) {
    const [shape, dtype, given] = [shapeOf(use, dims), dtypeOf(use), data[name]];
    if (dtype === 'u32' && !given) throw new Error(`${kernel.name}: the case must give the indices ${name}`);
    if (given && given.length !== count(shape)) throw new Error(`${kernel.name}: ${name} is not [${shape}]`);
    // Outputs start as NaN, so an element that no lane writes is seen.
    const element = (i: number) => (accessOf(use) === 'write' ? Number.NaN : given ? given[i] : next());
    values[name] = Float64Array.from({ length: count(shape) }, (_, i) => element(i));
    const byteLength = bytesOf(dtype, shape) + CANARY.count * 4;
    const memory = new ArrayBuffer(byteLength);
    new Float32Array(memory).fill(CANARY.value);
    if (dtype === 'f32') values[name] = Float64Array.from(values[name], Math.fround);
    if (dtype === 'f32') new Float32Array(memory).set(values[name]);
    if (dtype === 'u32') new Uint32Array(memory).set(values[name]);
    if (dtype === 'f16x2') new Uint16Array(memory).set(Array.from(values[name], halfBits));
    const padded = arena.tensor(name, [byteLength / 4], { data: new Uint8Array(memory) });
    tensors[name] = { ...padded, dtype, shape };
  }
  return { values, tensors };
}
