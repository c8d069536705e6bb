import type { StreamReader, StreamStats, StreamWriter } from '../../src/workers/stream.ts';
import { dice } from '../sound.ts';

const CANARY = -12345;

/** Pushes `count` blocks that say their number in every float, in seeded bursts, each until it is taken. */
export async function writeNumbered(writer: StreamWriter, seed: number, count: number): Promise<StreamStats> {
  const next = dice(seed);
  const block = new Float32Array(writer.blockLength);
  for (let sent = 0; sent < count; ) {
    for (let burst = next(24); burst > 0 && sent < count; burst--) {
      block.fill(sent);
      block[block.length - 1] = -sent;
      if (!writer.push(block)) break;
      sent++;
    }
    await new Promise((resolve) => setTimeout(resolve, next(3)));
  }
  return writer.stats;
}

/** Pulls in seeded bursts until `count` blocks came; returns how many were whole, in order and in their place. */
export async function readNumbered(reader: StreamReader, seed: number, count: number): Promise<number> {
  const next = dice(seed);
  const room = new Float32Array(reader.blockLength + 2).fill(CANARY);
  const block = room.subarray(1, -1);
  let whole = 0;
  for (let got = 0; got < count; ) {
    if (!(await reader.wait(5000))) break;
    for (let burst = next(24); burst > 0 && reader.pull(block); burst--, got++) {
      const last = block.length - 1;
      const filled = block.every((value, i) => value === (i === last ? -got : got));
      if (filled && room[0] === CANARY && room[last + 2] === CANARY) whole++;
    }
    if (next(3) === 0) await new Promise((resolve) => setTimeout(resolve, next(4)));
  }
  return whole;
}
