import { type Mesh, type Object3D, Vector3 } from 'three';
import type { Duologue } from '../../src/index.ts';
import type { Curve } from './curves.ts';

/** Where the mouth is in a close-up, as shares of the picture: left, top, width, height. */
const MOUTH = [0.4, 0.5, 0.13, 0.13] as const;
const PIXELS = [20, 14] as const;
const LEAST_PICTURE_MS = 1000 / 30 - 4;
const VIEWER = new Vector3(0, 1.4, 2);

/** One picture: when it was begun, both jaws, and the pixels of person 0's mouth where it was drawn. */
type Picture = {
  readonly beganMs: number;
  /** When it had been drawn and was read back. */
  readonly readMs: number;
  readonly jaws: readonly [number, number];
  readonly mouth: Float32Array | undefined;
};

/** What opens the mouth of each of the two: a shape of a mesh. */
function jawsOf(duo: Duologue): readonly [() => number, () => number] {
  const found: (() => number)[] = [];
  for (const root of duo.group.children) {
    let jaw: (() => number) | undefined;
    root.traverse((object: Object3D) => {
      const { morphTargetDictionary, morphTargetInfluences } = object as Mesh;
      const index = morphTargetDictionary?.jawOpen;
      if (index !== undefined && morphTargetInfluences) jaw = () => morphTargetInfluences[index]!;
    });
    if (jaw) found.push(jaw);
  }
  const [left, right] = found;
  if (!left || !right) throw new Error('The characters of this page have no shape jawOpen to be watched.');
  return [left, right];
}

/** Watches what is shown, picture by picture: moves the two on by itself, or reads what the stage of `canvas` has drawn. */
export class Pictures {
  readonly #pictures: Picture[] = [];
  readonly #each: (nowMs: number) => void;
  readonly #paper: OffscreenCanvasRenderingContext2D;
  #running = true;

  /** `each` is called with every picture of the display. */
  constructor(duo: Duologue, canvas: HTMLCanvasElement | null, each: (nowMs: number) => void) {
    const jaws = jawsOf(duo);
    this.#each = each;
    this.#paper = new OffscreenCanvas(...PIXELS).getContext('2d', { willReadFrequently: true })!;
    let lastMs = Number.NEGATIVE_INFINITY;
    // The stage asked before us, and so draws before us.
    const next = (beganMs: number) => {
      if (!this.#running) return;
      requestAnimationFrame(next);
      this.#each(beganMs);
      // Without a renderer as many pictures as there are frames: what more would tell, slower processors need for the motion.
      if (!canvas && beganMs - lastMs < LEAST_PICTURE_MS) return;
      lastMs = beganMs;
      if (!canvas) duo.update(VIEWER);
      const mouth = canvas ? this.#read(canvas) : undefined;
      if (canvas && !mouth) return;
      this.#pictures.push({ beganMs, readMs: performance.now(), jaws: [jaws[0](), jaws[1]()], mouth });
    };
    requestAnimationFrame(next);
  }

  get count(): number {
    return this.#pictures.length;
  }

  /** How far the two mouths were open, added, by when it was seen: when the display asked for the next picture. */
  get jaws(): Curve {
    const shown = this.#pictures.slice(0, -1);
    return {
      timesMs: shown.map(({ readMs }, i) => Math.max(readMs, this.#pictures[i + 1]!.beganMs)),
      values: shown.map(({ jaws: [left, right] }) => left + right),
    };
  }

  /** By how much the pixels of person 0's mouth (0…1) differ from those at `onsetMs`, from a second before, by when they were seen. */
  mouthAround(onsetMs: number, withinMs: number): Curve {
    const near = this.#pictures.filter(
      ({ readMs, mouth }) => mouth && readMs >= onsetMs - 1000 && readMs <= onsetMs + withinMs,
    );
    const level = near.findLast(({ readMs }) => readMs <= onsetMs)?.mouth;
    if (!level) return { timesMs: [], values: [] };
    return {
      timesMs: near.map(({ readMs }) => readMs),
      values: near.map(
        ({ mouth }) => mouth!.reduce((sum, v, i) => sum + Math.abs(v - level[i]!), 0) / level.length,
      ),
    };
  }

  /** Ends the watch. */
  stop(): void {
    this.#running = false;
  }

  /** The pixels of the mouth, undefined where nothing was drawn for this picture of the display. */
  #read(canvas: HTMLCanvasElement): Float32Array | undefined {
    const { width, height } = canvas;
    const [x, y, w, h] = MOUTH;
    this.#paper.clearRect(0, 0, ...PIXELS);
    this.#paper.drawImage(canvas, x * width, y * height, w * width, h * height, 0, 0, ...PIXELS);
    const { data } = this.#paper.getImageData(0, 0, ...PIXELS);
    if (data[3] === 0) return undefined;
    return Float32Array.from(
      { length: PIXELS[0] * PIXELS[1] },
      (_, i) => (data[4 * i]! + data[4 * i + 1]! + data[4 * i + 2]!) / 765,
    );
  }
}
