import {
  AmbientLight,
  CanvasTexture,
  DirectionalLight,
  type Material,
  type Mesh,
  MeshBasicMaterial,
  OrthographicCamera,
  Scene,
  WebGLRenderer,
  WebGLRenderTarget,
} from 'three';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Character, loadCharacter } from '../../src/engine/stage/character.ts';
import { IRIS } from '../../tools/characters/eyeball.ts';
import { people } from '../../tools/characters/people.ts';
import { SHAPE_NAMES, type ShapeName } from '../../tools/characters/shapes.ts';
import { FaceFolds, randomWeights } from '../folds.ts';

type Weights = Partial<Record<ShapeName, number>>;

/** The picture in face units (24 from chin to crown, eyes at y = 0, the person's left at +x), and pixels per unit. */
const VIEW = { left: -10, right: 10, top: 11, bottom: -15 };
const SCALE = 8;
const WIDE = (VIEW.right - VIEW.left) * SCALE;
const HIGH = (VIEW.top - VIEW.bottom) * SCALE;

/** A pixel has changed when a channel differs by more than this (of 255). */
const CHANGED = 14;

type Box = { x: [number, number]; y: [number, number] };
const EYE: Box = { x: [0.4, 7.8], y: [-4.6, 3.4] };
const MOUTH: Box = { x: [-7, 7], y: [-13.4, -2.4] };
/** Where a left or middle shape may act, by the beginning of its name; the first that fits counts. */
const REGIONS: readonly (readonly [string, Box])[] = [
  ['browInnerUp', { x: [-7, 7], y: [-3.6, 10.5] }],
  ['brow', { x: [-2, 8.5], y: [-0.6, 10] }],
  ['cheekPuff', { x: [-9, 9], y: [-12, 0.5] }],
  ['cheekSquint', { x: [-0.5, 8.5], y: [-6.5, 1.6] }],
  ['eye', EYE],
  ['jaw', { x: [-9, 9], y: [-15, -1.4] }],
  ['noseSneer', { x: [-1.6, 5.6], y: [-8.6, 4] }],
  ['mouthLeft', MOUTH],
  ['mouthRight', MOUTH],
  ['mouth', { x: [-2.6, 8.4], y: [-13.4, -1.4] }],
  ['tongueOut', MOUTH],
];
const SIDED = /(Left|Right)$/;
/** Shapes that push the middle of the face to a side: mirror images of each other, but on both sides at once. */
const PUSHES = /^(jaw|mouth)(Left|Right)$/;
/** Middle shapes of the mouth have no side. */
const regionOf = (name: string): Box => {
  const [, box] = REGIONS.find(([start]) => name.startsWith(start))!;
  if (PUSHES.test(name) || !SIDED.test(name)) return name.startsWith('mouth') ? MOUTH : box;
  return name.endsWith('Left') ? box : { x: [-box.x[1], -box.x[0]], y: box.y };
};

let renderer: WebGLRenderer;
let target: WebGLRenderTarget;
beforeAll(() => {
  renderer = new WebGLRenderer({ antialias: false });
  target = new WebGLRenderTarget(WIDE, HIGH);
});
afterAll(() => {
  target.dispose();
  renderer.dispose();
  renderer.forceContextLoss();
});

describe.each(people)('$name', (person) => {
  let character: Character;
  let scene: Scene;
  let camera: OrthographicCamera;
  let rest: Uint8Array;
  const warnings: unknown[][] = [];
  const unit = person.head / 24;

  const meshes = (): Mesh[] => {
    const out: Mesh[] = [];
    character.vrm.scene.traverse((o) => {
      if ((o as Mesh).isMesh) out.push(o as Mesh);
    });
    return out;
  };
  const inside = (name: string) => meshes().filter((m) => m.name.startsWith(name) || m.parent?.name === name);

  beforeAll(async () => {
    const spies = (['warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation((...words) => void warnings.push(words)),
    );
    character = await loadCharacter(await (await fetch(`/models/${person.name}.vrm`)).arrayBuffer());
    for (const spy of spies) spy.mockRestore();
    scene = new Scene();
    const key = new DirectionalLight(0xffffff, 2.4);
    key.position.set(0, 1.2, 2);
    scene.add(character.vrm.scene, new AmbientLight(0xffffff, 0.7), key);
    for (const mesh of meshes()) mesh.frustumCulled = false;
    for (const hair of inside('Hair')) hair.visible = false;
    camera = new OrthographicCamera(
      ...([VIEW.left, VIEW.right, VIEW.top, VIEW.bottom].map((x) => x * unit) as [
        number,
        number,
        number,
        number,
      ]),
      0.1,
      5,
    );
    camera.position.set(0, character.eyeHeightM, 2);
    character.vrm.scene.updateMatrixWorld(true);
    rest = picture({});
  }, 60_000);
  afterAll(() => character.dispose());

  function picture(weights: Weights): Uint8Array {
    for (const mesh of meshes()) {
      const { morphTargetDictionary: places, morphTargetInfluences: values } = mesh;
      if (!places || !values) continue;
      values.fill(0);
      for (const [name, weight] of Object.entries(weights)) values[places[name]!] = weight;
    }
    renderer.setRenderTarget(target);
    renderer.render(scene, camera);
    const pixels = new Uint8Array(WIDE * HIGH * 4);
    renderer.readRenderTargetPixels(target, 0, 0, WIDE, HIGH, pixels);
    return pixels;
  }

  /** How much each pixel differs from the face at rest (0…255), from the lower left corner. */
  const change = (weights: Weights): Float32Array => {
    const pixels = picture(weights);
    return Float32Array.from({ length: WIDE * HIGH }, (_, k) =>
      Math.max(...[0, 1, 2].map((c) => Math.abs(pixels[4 * k + c]! - rest[4 * k + c]!))),
    );
  };
  const place = (k: number) =>
    [
      (k % WIDE) / SCALE + VIEW.left + 0.5 / SCALE,
      Math.floor(k / WIDE) / SCALE + VIEW.bottom + 0.5 / SCALE,
    ] as const;

  test('loads without a warning', () => {
    expect(warnings).toEqual([]);
    expect(character.report().warnings).toEqual([]);
  });

  test('each shape changes pixels where it acts and nowhere else', () => {
    const wrong: string[] = [];
    for (const name of SHAPE_NAMES) {
      const { x: across, y: up } = regionOf(name);
      let within = 0;
      let beyond = 0;
      let left = 0;
      let right = 0;
      for (const [k, d] of change({ [name]: 1 }).entries()) {
        if (d <= CHANGED) continue;
        const [x, y] = place(k);
        if (x >= across[0] && x <= across[1] && y >= up[0] && y <= up[1]) within++;
        else beyond++;
        if (x > 0) left += d;
        else right += d;
      }
      // Looking aside moves the lids by little; the eyes themselves turn with their bones.
      const least = /eyeLook(In|Out)/.test(name) ? 6 : 40;
      if (within < least) wrong.push(`${name} changes only ${within} pixels`);
      if (beyond > 0.02 * within) wrong.push(`${name}: ${beyond} of ${beyond + within} pixels lie elsewhere`);
      if (PUSHES.test(name) || !SIDED.test(name)) continue;
      const own = name.endsWith('Left') ? left : right;
      if (own < 0.8 * (left + right))
        wrong.push(`${name}: only ${Math.round((100 * own) / (left + right))} % on its side`);
    }
    expect(wrong).toEqual([]);
  }, 60_000);

  test('left and right shapes are mirror images of each other', () => {
    const wrong: string[] = [];
    for (const name of SHAPE_NAMES.filter((n) => n.endsWith('Left'))) {
      const a = soft(change({ [name]: 1 }));
      const b = soft(change({ [name.replace('Left', 'Right')]: 1 }));
      const mirrored = b.map((_, k) => b[Math.floor(k / WIDE) * WIDE + WIDE - 1 - (k % WIDE)]!);
      const same = correlation(a, mirrored);
      if (same < 0.8) wrong.push(`${name}: ${same.toFixed(2)}`);
      // A swapped pair would look more alike unmirrored; pushes reach both sides and are told apart by the test above.
      if (!PUSHES.test(name) && correlation(a, b) > same) wrong.push(`${name} is not on its own side`);
    }
    expect(wrong).toEqual([]);
  }, 60_000);

  test('a blink hides 95 % of the iris', () => {
    const disc = document.createElement('canvas');
    disc.width = disc.height = 256;
    const paper = disc.getContext('2d')!;
    paper.fillRect(0, 0, 256, 256);
    paper.fillStyle = '#ff00ff';
    paper.beginPath();
    paper.arc(0.37 * 256, 0.37 * 256, 0.37 * 256 * IRIS, 0, 2 * Math.PI);
    paper.fill();
    const map = new CanvasTexture(disc);
    map.flipY = false;
    const before = new Map<Mesh, Material | Material[]>();
    for (const mesh of meshes()) {
      before.set(mesh, mesh.material);
      mesh.material = inside('Eyes').includes(mesh)
        ? new MeshBasicMaterial({ map })
        : new MeshBasicMaterial({ color: 0x000000 });
    }
    const seen = (weights: Weights) => {
      const pixels = picture(weights);
      const count = { left: 0, right: 0 };
      for (let k = 0; k < WIDE * HIGH; k++)
        if (pixels[4 * k]! > 120 && pixels[4 * k + 2]! > 120) count[place(k)[0] > 0 ? 'left' : 'right']++;
      return count;
    };
    const open = seen({});
    const left = seen({ eyeBlinkLeft: 1 });
    const right = seen({ eyeBlinkRight: 1 });
    const startled = seen({ eyeBlinkLeft: 1, eyeBlinkRight: 1, eyeWideLeft: 0.5, eyeWideRight: 0.5 });
    for (const [mesh, material] of before) {
      (mesh.material as Material).dispose();
      mesh.material = material;
    }
    map.dispose();
    expect(Math.min(open.left, open.right)).toBeGreaterThan(150);
    expect(left.left).toBeLessThanOrEqual(0.05 * open.left);
    expect(left.right).toBe(open.right);
    expect(right.right).toBeLessThanOrEqual(0.05 * open.right);
    expect(startled.left + startled.right).toBeLessThanOrEqual(0.35 * (open.left + open.right));
  }, 30_000);

  test('mouthClose shuts an open jaw; smiles and puckers open with it', () => {
    const folds = new FaceFolds(inside('Face'));
    const gap = (weights: Weights) => folds.lipGap(weights, 2 * unit);
    expect(gap({ jawOpen: 1 })).toBeGreaterThan(2 * unit);
    expect(Math.abs(gap({ jawOpen: 1, mouthClose: 1 }))).toBeLessThanOrEqual(0.02 * person.head);
    for (const shape of ['mouthSmile', 'mouthPucker'] as const) {
      const with_: Weights =
        shape === 'mouthPucker' ? { mouthPucker: 1 } : { mouthSmileLeft: 1, mouthSmileRight: 1 };
      expect(gap({ jawOpen: 1, ...with_ }), shape).toBeGreaterThan(1.2 * unit);
    }
  });

  test('no triangle of the face turns inside out', () => {
    const folds = new FaceFolds(inside('Face'));
    const pairs: Record<string, Weights> = {
      'smile and open jaw': { mouthSmileLeft: 1, mouthSmileRight: 1, jawOpen: 1 },
      'pucker and open jaw': { mouthPucker: 1, jawOpen: 1 },
      'blink and wide eyes': { eyeBlinkLeft: 1, eyeBlinkRight: 1, eyeWideLeft: 1, eyeWideRight: 1 },
      'closed mouth of an open jaw': { jawOpen: 1, mouthClose: 1 },
    };
    for (const name of SHAPE_NAMES) if (name !== 'mouthClose') pairs[name] = { [name]: 1 };
    for (let k = 0; k < 200; k++) pairs[`random ${k}`] = randomWeights(k + 1);
    const wrong = Object.entries(pairs).flatMap(([label, weights]) => {
      const found = folds.turned(weights);
      return found.length > 0 ? [`${label}: ${found.length} at ${found[0]}`] : [];
    });
    expect(wrong).toEqual([]);
  }, 60_000);
});

/** The image, each pixel the mean of five by five. */
function soft(image: Float32Array): Float32Array {
  const line = (from: Float32Array, step: number) =>
    from.map((_, k) => {
      let sum = 0;
      for (let i = -2; i <= 2; i++) sum += from[k + i * step] ?? 0;
      return sum / 5;
    });
  return line(line(image, 1), WIDE);
}

function correlation(a: Float32Array, b: Float32Array): number {
  const mean = (v: Float32Array) => v.reduce((x, y) => x + y, 0) / v.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let k = 0; k < a.length; k++) {
    ab += (a[k]! - ma) * (b[k]! - mb);
    aa += (a[k]! - ma) ** 2;
    bb += (b[k]! - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}
