import { Mesh, Object3D, PerspectiveCamera, Quaternion, Scene, Vector3, WebGLRenderer } from 'three';
import { afterEach, describe, expect, test } from 'vitest';
import type { Placement } from '../../src/engine/body/placement.ts';
import { frameSample } from '../../src/engine/motion.ts';
import { type Character, loadCharacter } from '../../src/engine/stage/character.ts';
import { Duet } from '../../src/engine/stage/duet.ts';
import { intensityOf } from '../../src/engine/stage/intensity.ts';
import { FACE_NUMBERS, Timeline } from '../../src/engine/timeline.ts';
import { addLower, addUpper, bodiesOf, type Mover, sway, walk } from '../bodies.ts';
import { makeTinyVrm, type TinyVrm } from './tiny-vrm.ts';

const VIEWER = new Vector3(0, 1.5, 3);
const HZ = 30;

let duet: Duet | undefined;
afterEach(() => duet?.dispose());

const makeDuet = async (placement: Placement = 'vis-a-vis', right: TinyVrm = { version: '0' }) => {
  const characters: [Character, Character] = [
    await loadCharacter(makeTinyVrm()),
    await loadCharacter(makeTinyVrm(right)),
  ];
  duet = new Duet({ characters, timeline: new Timeline(1024), placement });
  return duet;
};

const give = ({ timeline }: Duet, mover: Mover, frames: number) => {
  const bodies = bodiesOf(mover, frames, { head: (p, k) => [0.2 * Math.sin(k / 7 + p), 0.2, 0] });
  const face = new Float32Array(FACE_NUMBERS);
  for (let k = 0; k < frames; k++) {
    face.fill(0.4 + 0.4 * Math.sin(k / 3));
    timeline.push({ frameIndex: k, face, body: bodies.subarray(k * 150, (k + 1) * 150) });
  }
};

/** Shows the frames from … to, as many pictures a second, and calls `each` after every picture. */
const show = (duet: Duet, from: number, to: number, each: () => void = () => undefined) => {
  for (let k = from; k < to; k++) {
    duet.update(frameSample(k), 10 + k / HZ, VIEWER);
    each();
  }
};

const turnOf = (duet: Duet, person: 0 | 1, bone: string) =>
  duet.characters[person].bone(bone as 'hips')!.getWorldQuaternion(new Quaternion());
const placeOf = (duet: Duet, person: 0 | 1, bone: string) =>
  duet.characters[person].bone(bone as 'hips')!.getWorldPosition(new Vector3());

/** The largest turn (rad) of a bone in the world while frames from … to are shown. */
const turned = (duet: Duet, person: 0 | 1, bone: string, from: number, to: number) => {
  let first: Quaternion | undefined;
  let most = 0;
  show(duet, from, to, () => {
    first ??= turnOf(duet, person, bone);
    most = Math.max(most, first.angleTo(turnOf(duet, person, bone)));
  });
  return most;
};

/** As {@link turned}, against the parent. */
const bent = (duet: Duet, person: 0 | 1, bone: string, from: number, to: number) => {
  const { quaternion } = duet.characters[person].bone(bone as 'hips')!;
  let first: Quaternion | undefined;
  let most = 0;
  show(duet, from, to, () => {
    first ??= quaternion.clone();
    most = Math.max(most, first.angleTo(quaternion));
  });
  return most;
};

const lively: Mover = (f, p, k) => {
  sway(f, p, k);
  addUpper(f, 'spine', 0.15 * Math.sin(k / 9));
  addUpper(f, 'leftUpperArm', 0, 0, 0.5 + 0.4 * Math.sin(k / 8));
  addLower(f, 'leftUpperLeg', 0.05 * Math.sin(k / 10));
};

describe('intensity', () => {
  test('0 is still, for one person, while lips go on and the other lives', async () => {
    const duet = await makeDuet();
    give(duet, lively, 240);
    duet.setIntensity(0, intensityOf('still'));
    show(duet, 0, 120);
    for (const bone of ['hips', 'spine', 'head', 'leftUpperArm', 'leftHand', 'leftUpperLeg', 'leftEye'])
      expect(turned(duet, 0, bone, 120, 180), bone).toBeLessThan(0.002);
    expect(turned(duet, 1, 'head', 180, 210)).toBeGreaterThan(0.02);
    expect(turned(duet, 1, 'leftUpperArm', 210, 239)).toBeGreaterThan(0.05);
  });

  test('is by region, comes softly, and goes back', async () => {
    const duet = await makeDuet();
    give(duet, lively, 400);
    duet.setIntensity(0, intensityOf({ hands: 0 }));
    show(duet, 0, 100);
    expect(bent(duet, 0, 'leftUpperArm', 100, 160)).toBeLessThan(0.05);
    expect(bent(duet, 0, 'spine', 160, 220)).toBeGreaterThan(0.1);
    duet.setIntensity(0, intensityOf('full'));
    let fastest = 0;
    let last = turnOf(duet, 0, 'leftUpperArm');
    show(duet, 220, 280, () => {
      const now = turnOf(duet, 0, 'leftUpperArm');
      fastest = Math.max(fastest, last.angleTo(now));
      last = now;
    });
    expect(fastest).toBeLessThan(0.15);
    expect(bent(duet, 0, 'leftUpperArm', 280, 340)).toBeGreaterThan(0.2);
  });

  test('is kept by whoever takes the place', async () => {
    const duet = await makeDuet();
    give(duet, lively, 240);
    duet.setIntensity(0, intensityOf('still'));
    show(duet, 0, 90);
    duet.setCharacter(0, await loadCharacter(makeTinyVrm()));
    show(duet, 90, 120);
    for (const bone of ['head', 'leftHand'])
      expect(turned(duet, 0, bone, 120, 180), bone).toBeLessThan(0.002);
  });
});

describe('look', () => {
  /** The angle between where a person's eyes point and a place of the world. */
  const offTarget = (duet: Duet, person: 0 | 1, target: Vector3) => {
    const eye = duet.characters[person].vrm.humanoid.getRawBoneNode('leftEye')!;
    const way = new Vector3(0, 0, duet.characters[person].facesMinusZ ? -1 : 1);
    way.applyQuaternion(eye.getWorldQuaternion(new Quaternion()));
    return way.angleTo(target.clone().sub(eye.getWorldPosition(new Vector3())));
  };

  test.each([0, 1] as const)('person %i looks at the viewer, or at a thing that moves', async (person) => {
    const duet = await makeDuet('vis-a-vis', {});
    const thing = new Object3D();
    duet.setLook(person, 'camera');
    show(duet, 0, 60);
    show(duet, 60, 120, () => expect(offTarget(duet, person, VIEWER)).toBeLessThan(0.12));
    duet.setLook(person, thing);
    for (const x of [-0.15, 0.15]) {
      thing.position.set(x, 1.4, 2);
      show(duet, 120, 165);
      expect(offTarget(duet, person, thing.position)).toBeLessThan(0.12);
    }
  });

  test('a partner who is looked at is never lost from sight', async () => {
    const duet = await makeDuet('vis-a-vis', {});
    duet.setLook(0, 'partner');
    const eyes = new Vector3();
    show(duet, 0, 30);
    show(duet, 30, 300, () => expect(offTarget(duet, 0, duet.eyeInto(eyes, 1))).toBeLessThan(0.12));
  });
});

describe('placement', () => {
  test.each<[string, Placement, number]>([
    ['vis-à-vis', 'vis-a-vis', 1.2],
    ['L', 'l', 1.1],
    ['at a distance', { preset: 'vis-a-vis', distanceM: 2.5 }, 2.5],
  ])('%s is life-size and at its true distance', async (_, placement, distanceM) => {
    const duet = await makeDuet(placement);
    show(duet, 0, 10);
    const between = placeOf(duet, 0, 'hips')
      .sub(placeOf(duet, 1, 'hips'))
      .setY(0)
      .length();
    expect(between).toBeCloseTo(distanceM, 1);
  });

  test('whoever walks up to the partner is shown to walk there, also where a theatre turns people to the viewer', async () => {
    for (const theatre of [undefined, { squeeze: 0.84, openRad: 0.8, cheatM: 0.3 }]) {
      const duet = await makeDuet({ preset: 'vis-a-vis', distanceM: 3 });
      if (theatre) duet.theatre = theatre;
      give(duet, (f, p, k) => walk(p === 0 ? 0.8 : 0)(f, p, k), 75);
      show(duet, 0, 1);
      const from = placeOf(duet, 0, 'hips');
      show(duet, 1, 74);
      const way = placeOf(duet, 0, 'hips').sub(from);
      expect(way.x).toBeGreaterThan(1);
      expect(Math.abs(way.z)).toBeLessThan(0.35 * way.x);
      duet.dispose();
    }
  });
});

describe('chairs', () => {
  const chairsOf = (duet: Duet) =>
    duet.group.children[0]!.children.filter((part) => !(part as Mesh).isMesh && part.children.length > 0);
  /** Height of the top of a chair's pad. */
  const seatOf = (duet: Duet, person: 0 | 1) =>
    chairsOf(duet)[person]!.children[0]!.getWorldPosition(new Vector3());
  /** Both sit down from frame 30 on, within a second. */
  const sit: Mover = (f, _, k) => {
    const down = Math.min(1, Math.max(0, (k - 30) / 30));
    f.lower[3] -= 0.45 * down;
    for (const side of ['left', 'right'] as const) {
      addLower(f, `${side}UpperLeg`, -1.6 * down);
      addLower(f, `${side}LowerLeg`, 1.55 * down);
    }
  };

  test('those who are asked to sit sit from the first picture on, on chairs, with their feet on the floor', async () => {
    const duet = await makeDuet('seated');
    for (const person of [0, 1] as const) duet.setSeated(person, true);
    show(duet, 0, 2);
    for (const person of [0, 1] as const) {
      const hips = placeOf(duet, person, 'hips');
      expect(hips.y).toBeLessThan(0.62);
      const seat = seatOf(duet, person);
      expect(chairsOf(duet)[person]!.visible).toBe(true);
      expect(hips.y - seat.y).toBeGreaterThan(0.03);
      expect(hips.y - seat.y).toBeLessThan(0.18);
      expect(seat.setY(0).distanceTo(hips.setY(0))).toBeLessThan(0.12);
      for (const foot of ['leftFoot', 'rightFoot']) {
        expect(placeOf(duet, person, foot).y).toBeGreaterThan(0.02);
        expect(placeOf(duet, person, foot).y).toBeLessThan(0.14);
      }
    }
  });

  test('a talk that begins standing begins seated all the same, and neither sitter nor chair glides', async () => {
    const duet = await makeDuet('seated');
    for (const person of [0, 1] as const) duet.setSeated(person, true);
    show(duet, 0, 2);
    const hips = placeOf(duet, 0, 'hips');
    const seat = seatOf(duet, 0);
    give(duet, sit, 300);
    let highest = 0;
    let furthest = 0;
    show(duet, 2, 299, () => {
      highest = Math.max(highest, placeOf(duet, 0, 'hips').y);
      furthest = Math.max(furthest, seatOf(duet, 0).setY(0).distanceTo(seat.clone().setY(0)));
    });
    expect(highest).toBeLessThan(hips.y + 0.12);
    expect(furthest).toBeLessThan(0.05);
  });

  test('a chair grows under who sits down, stays while they sit, and goes when they have got up', async () => {
    const duet = await makeDuet();
    give(duet, (f, p, k) => sit(f, p, k < 150 ? k : Math.max(0, 210 - k)), 300);
    show(duet, 0, 25);
    expect(chairsOf(duet)[0]!.visible).toBe(false);
    let last = 0;
    let jump = 0;
    show(duet, 25, 110, () => {
      const { y } = seatOf(duet, 0);
      const height = chairsOf(duet)[0]!.visible ? y : 0;
      jump = Math.max(jump, Math.abs(height - last));
      last = height;
    });
    expect(jump).toBeLessThan(0.06);
    expect(placeOf(duet, 0, 'hips').y - last).toBeLessThan(0.2);
    show(duet, 110, 280);
    expect(chairsOf(duet)[0]!.visible).toBe(false);
  });
});

test('lives in a scene of the user, drawn by a renderer of the user, and takes nothing of theirs away', async () => {
  const scene = new Scene();
  const room = new Object3D();
  const other = new Mesh();
  scene.add(room, other);
  const renderer = new WebGLRenderer();
  renderer.setSize(64, 36);
  const camera = new PerspectiveCamera(40, 16 / 9);
  camera.position.set(0, 1.4, 3);
  const duet = await makeDuet();
  // Turned and moved as a whole.
  room.position.set(5, 0, -2);
  room.rotation.y = 1;
  room.add(duet.group);
  renderer.render(scene, camera);
  const { geometries } = renderer.info.memory;
  for (let k = 0; k < 40; k++) {
    duet.update(frameSample(k), k / HZ, camera);
    renderer.render(scene, camera);
  }
  expect(renderer.info.memory.geometries).toBeGreaterThan(0);
  const hips = [0, 1].map((p) => placeOf(duet, p as 0 | 1, 'hips'));
  expect(hips[0]!.distanceTo(hips[1]!)).toBeCloseTo(1.2, 1);
  expect(hips[0]!.clone().add(hips[1]!).multiplyScalar(0.5).setY(0).distanceTo(room.position)).toBeLessThan(
    0.05,
  );
  duet.dispose();
  expect(room.children).toEqual([]);
  expect(scene.children).toEqual([room, other]);
  expect(renderer.info.memory.geometries).toBeLessThanOrEqual(Math.max(1, geometries - 2));
  renderer.render(scene, camera);
  renderer.dispose();
});
