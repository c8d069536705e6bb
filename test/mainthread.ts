import type { SkinnedMesh } from 'three';
import { Vector3 } from 'three';
import { FACE_CHANNELS, frameSample, PERSONS } from '../src/engine/motion.ts';
import { loadCharacter } from '../src/engine/stage/character.ts';
import { Duet } from '../src/engine/stage/duet.ts';
import { Timeline } from '../src/engine/timeline.ts';
import { addUpper, bodiesOf, type Mover } from './bodies.ts';

/** Talk with hands and weight: everything that moves moves. */
const talk: Mover = (f, p, k) => {
  f.lower[0] = 0.0016 * Math.cos((2 * Math.PI * 0.3 * k) / 30 + p);
  f.lower[2] = 0.003 * Math.cos((2 * Math.PI * 0.11 * k) / 30 + 2 * p);
  addUpper(f, 'spine', 0.05 * Math.sin(k / 11 + p), 0.04 * Math.sin(k / 17));
  for (const [side, s] of [
    ['left', 1],
    ['right', -1],
  ] as const) {
    addUpper(f, `${side}UpperArm`, 0.25 + 0.15 * Math.sin(k / 7 + p), -0.2 * s, 0.15 * s);
    addUpper(f, `${side}LowerArm`, 0.1, -(0.8 + 0.3 * Math.sin(k / 5 + s)) * s, 0);
  }
};

/** Milliseconds that each part of a picture takes on the main thread, without drawing, and what it leaves to collect. */
export type Cost = { readonly frameMs: number[]; readonly bytesPerFrame: number | undefined };

const heap = () => (performance as { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize;

/**
 * Lets the two characters of the house talk for `frames` pictures at 60 a second, without a renderer: timeline, life, gaze,
 * retargeting, expressions, springs, matrices of all nodes and of all bones, as the renderer needs them.
 */
export async function mainThread(frames: number, warmUp = 300): Promise<Cost> {
  const characters = [await loadCharacter('/models/ada.vrm'), await loadCharacter('/models/bo.vrm')] as const;
  const motion = bodiesOf(talk, 30 * 8);
  const row = motion.length / (30 * 8);
  const face = new Float32Array(PERSONS * FACE_CHANNELS);
  const timeline = new Timeline();
  const duet = new Duet({ characters, timeline });
  const viewer = new Vector3(0, 1.5, 3);
  const skinned: SkinnedMesh[] = [];
  duet.group.traverse((object) => {
    if ((object as SkinnedMesh).isSkinnedMesh) skinned.push(object as SkinnedMesh);
  });
  const frameMs: number[] = [];
  let pushed = 0;
  let from = 0;
  let bytes = 0;
  let counted = 0;
  for (let n = 0; n < warmUp + frames; n++) {
    const atSample = (n * 16000) / 60;
    for (; frameSample(pushed) < atSample + 8000; pushed++) {
      for (let c = 0; c < face.length; c++) face[c] = 0.3 + 0.3 * Math.sin(pushed / (3 + (c % 7)));
      const at = (pushed % 240) * row;
      timeline.push({ frameIndex: pushed, face, body: motion.subarray(at, at + row) });
    }
    const before = heap();
    const begin = performance.now();
    duet.update(atSample, n / 60, viewer);
    duet.group.updateMatrixWorld();
    for (const { skeleton } of skinned) skeleton.update();
    from = performance.now() - begin;
    if (n < warmUp) continue;
    frameMs.push(from);
    const grown = (heap() ?? Number.NaN) - (before ?? Number.NaN);
    // A collection in between says nothing of what was left.
    if (grown >= 0) {
      bytes += grown;
      counted++;
    }
  }
  duet.dispose();
  return { frameMs, bytesPerFrame: counted > 0 ? bytes / counted : undefined };
}
