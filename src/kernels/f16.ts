import { linear } from './linear/linear.ts';
import { Plan } from './plan.ts';
import { Arena } from './tensor.ts';
import { ReadBack } from './transfer.ts';

/** Most that a product in halves may be off, for sums of order one. */
const LIMIT = 2e-3;

const SIZE = { rows: 2, C: 256, O: 64 };

/** Numbers in −1…1 that are exact halves, from a seed. */
function numbers(length: number, seed: number) {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.round((state / 2 ** 31 - 1) * 1024) / 1024;
  });
}

/** The bits of a half for a number 2^−14 … 2 or 0, a multiple of 2^−14. */
function half(value: number) {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const mantissa = (Math.abs(value) / 2 ** exponent - 1) * 1024;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | mantissa;
}

/**
 * Whether products in halves (`shader-f16`) give what those in f32 give on this device, to 2e-3: a linear layer of 256
 * channels on seeded numbers, both ways. False as well where the halves do not compile.
 */
export async function f16Agrees(device: GPUDevice): Promise<boolean> {
  const arena = new Arena(device);
  const { rows, C, O } = SIZE;
  const x = arena.tensor('x', [rows, 1, C], { data: numbers(rows * C, 1) });
  const w = arena.tensor('w', [O, C], {
    dtype: 'f16x2',
    data: Uint16Array.from(numbers(O * C, 2), (v) => half(v / 16)), // sums of order one
  });
  const b = arena.tensor('b', [O], { data: numbers(O, 3) });
  const outs = [false, true].map((f16) => arena.tensor(`out, f16 ${f16}`, [rows, 1, O]));
  const readBack = new ReadBack(device, outs, 1);
  try {
    const plans = await Promise.all(
      outs.map((out, i) =>
        new Plan(device, { software: false, subgroups: false, f16: i === 1 })
          .add(linear, { x, w, b, out })
          .compile(),
      ),
    );
    const commands = device.createCommandEncoder();
    const pass = commands.beginComputePass();
    for (const plan of plans) plan.encode(pass);
    pass.end();
    readBack.encode(commands);
    device.queue.submit([commands.finish()]);
    const [full, halves] = await readBack.read();
    return full.every((v, i) => Math.abs(v - halves[i]) <= LIMIT);
  } catch {
    return false; // a driver that says it can and cannot
  } finally {
    readBack.dispose();
    arena.dispose();
  }
}
