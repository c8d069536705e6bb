import type { VRMHumanBoneName } from '@pixiv/three-vrm';
import { type Object3D, Quaternion, type SkinnedMesh, Vector3 } from 'three';
import { LEGS } from '../src/engine/body/leg.ts';
import { BODY_AT, EXP_AT, Figure, JOINTS } from '../src/engine/body/skeleton.ts';
import { BODY_NUMBERS, HAND_NUMBERS } from '../src/engine/motion.ts';
import type { Character } from '../src/engine/stage/character.ts';
import { FULL, type Intensity, Puppet } from '../src/engine/stage/puppet.ts';

const ROW = 2 * BODY_NUMBERS;

type Vertex = { readonly mesh: SkinnedMesh; readonly index: number };

const TRUNK = /^(hips|spine|chest|upperChest)$/;
const HAND = /(Hand|Thumb\w+|Index\w+|Middle\w+|Ring\w+|Little\w+)$/;
const FOOT = /(Foot|Toes)$/;

/** Every `step`-th of some things. */
const thinned = <T>(all: readonly T[], most: number) => {
  const step = Math.max(1, Math.floor(all.length / most));
  return all.filter((_, i) => i % step === 0);
};

/** A loaded character that is moved by body frames, and measured by its skin: what a person sees. */
export class Subject {
  readonly character: Character;
  readonly puppet: Puppet;
  /** Lengths of legs and arms in units of the reference person's. */
  readonly scale: number;
  readonly trunk: readonly Vertex[];
  readonly head: readonly Vertex[];
  readonly hands: readonly [readonly Vertex[], readonly Vertex[]];
  readonly feet: readonly [readonly Vertex[], readonly Vertex[]];
  readonly #balls = new Map<string, Vector3>();

  constructor(character: Character) {
    this.character = character;
    this.puppet = new Puppet(character);
    this.scale = this.puppet.scale;
    const regions = regionsOf(character);
    const of = (which: (bone: string) => boolean) =>
      [...regions].flatMap(([bone, all]) => (which(bone) ? all : []));
    this.trunk = of((bone) => TRUNK.test(bone));
    this.head = of((bone) => bone === 'head' || bone === 'jaw');
    const sided = (what: RegExp, most: number) => {
      const side = (name: string) =>
        thinned(
          of((bone) => bone.startsWith(name) && what.test(bone)),
          most,
        );
      return [side('left'), side('right')] as const;
    };
    this.hands = sided(HAND, 60);
    this.feet = sided(FOOT, 400);
    character.vrm.scene.updateMatrixWorld(true);
    for (const side of ['left', 'right'] as const) this.ball(side);
  }

  /** Shows the body frame at `bodies[at…]`. */
  show(bodies: Float32Array, at: number, intensity: Intensity = FULL, home = { x: 0, z: 0, yaw: 0 }): void {
    this.puppet.apply(bodies, at, home, 1, 0, intensity);
    this.settle();
  }

  /** Brings what is drawn to where the normalised bones are. */
  settle(): void {
    this.character.vrm.humanoid.update();
    this.character.vrm.scene.updateMatrixWorld(true);
  }

  /** Where a bone that moves the skin is. */
  place(bone: string): Vector3 {
    const node = this.character.vrm.humanoid.getRawBoneNode(bone as VRMHumanBoneName);
    return node ? node.getWorldPosition(new Vector3()) : new Vector3(Number.NaN);
  }

  /** Where the ball of a foot is: the sole under the toes, or two thirds of the way from the ankle to the tip. */
  ball(side: 'left' | 'right'): Vector3 {
    const { character } = this;
    const foot = character.bone(`${side}Foot`)!;
    const toes = character.bone(`${side}Toes`);
    const flip = character.facesMinusZ ? -1 : 1;
    const at = this.#balls.get(side) ?? new Vector3();
    if (!this.#balls.has(side)) {
      // Asked for the first time in the pose of the file.
      const sole = this.feet[side === 'left' ? 0 : 1].map(drawn);
      const ankle = foot.getWorldPosition(new Vector3());
      const front = sole.length > 0 ? Math.max(...sole.map(({ z }) => z)) - ankle.z : 0.2 * this.scale;
      const under = sole.length > 0 ? Math.min(...sole.map(({ y }) => y)) : 0;
      at.set(0, under - ankle.y, flip * 0.65 * front);
      if (toes) at.setX(toes.position.x).setZ(toes.position.z);
      this.#balls.set(side, at);
    }
    return foot.localToWorld(at.clone());
  }

  /** The bones that the character has, by name. */
  places(): Map<string, Vector3> {
    return new Map(this.character.report().bones.present.map((bone) => [bone, this.place(bone)]));
  }
}

/** Where a vertex is drawn. */
export const drawn = ({ mesh, index }: Vertex) =>
  mesh.localToWorld(mesh.getVertexPosition(index, new Vector3()));

/** Vertices by the human bone that carries most of them. */
function regionsOf(character: Character): Map<string, Vertex[]> {
  const { humanoid, scene } = character.vrm;
  const humans = new Map<Object3D, string>();
  // What swings by itself is no part of the body.
  for (const { bone } of character.vrm.springBoneManager?.joints ?? []) humans.set(bone, 'swings');
  for (const bone of character.report().bones.present) humans.set(humanoid.getRawBoneNode(bone)!, bone);
  const humanOf = (node: Object3D | null): string => (node ? (humans.get(node) ?? humanOf(node.parent)) : '');
  const regions = new Map<string, Vertex[]>();
  scene.traverse((object) => {
    const mesh = object as SkinnedMesh;
    if (!mesh.isSkinnedMesh) return;
    const names = mesh.skeleton.bones.map(humanOf);
    const { skinIndex, skinWeight, position } = mesh.geometry.attributes;
    for (let index = 0; index < position!.count; index++) {
      let best = 0;
      for (let c = 1; c < 4; c++)
        if (skinWeight!.getComponent(index, c) > skinWeight!.getComponent(index, best)) best = c;
      const name = names[skinIndex!.getComponent(index, best)]!;
      regions.set(name, [...(regions.get(name) ?? []), { mesh, index }]);
    }
  });
  return regions;
}

/** A part of the body as a stack of sections, seen in the frame of one of its bones. */
export class Solid {
  readonly #points: readonly Vector3[];
  readonly #back = new Quaternion();
  readonly #from: Vector3;
  readonly #half: number;

  /** Cuts what the vertices span as they are drawn now; sections reach `halfM` up and down. */
  constructor(subject: Subject, vertices: readonly Vertex[], bone: VRMHumanBoneName, halfM: number) {
    const node = subject.character.vrm.humanoid.getNormalizedBoneNode(bone)!;
    node.getWorldQuaternion(this.#back).invert();
    this.#from = node.getWorldPosition(new Vector3());
    this.#points = vertices.map((vertex) => this.#local(drawn(vertex)));
    this.#half = halfM;
  }

  #local(point: Vector3) {
    return point.sub(this.#from).applyQuaternion(this.#back);
  }

  /** How far outside (m) a point is of the section at its height; where there is none, infinitely far. */
  distance(point: Vector3): number {
    const at = this.#local(point.clone());
    const near = this.#points.filter(({ y }) => Math.abs(y - at.y) < this.#half);
    // Above the highest and under the lowest point there is only air.
    if (!near.some(({ y }) => y >= at.y) || !near.some(({ y }) => y <= at.y)) return Number.POSITIVE_INFINITY;
    return outside(hullOf(near.map(({ x, z }) => [x, z] as const)), at.x, at.z);
  }
}

type Point = readonly [x: number, z: number];

/** The convex hull of points, counterclockwise (Andrew's monotone chain). */
function hullOf(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const turns = (o: Point, a: Point, b: Point) =>
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
  const chain = (all: readonly Point[]) => {
    const out: Point[] = [];
    for (const point of all) {
      while (out.length > 1 && turns(out.at(-2)!, out.at(-1)!, point) <= 0) out.pop();
      out.push(point);
    }
    return out.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}

/** Distance (m) of a point from a convex polygon; negative inside. */
function outside(hull: readonly Point[], x: number, z: number): number {
  let nearest = Number.POSITIVE_INFINITY;
  let deepest = Number.NEGATIVE_INFINITY;
  for (const [i, [ax, az]] of hull.entries()) {
    const [bx, bz] = hull[(i + 1) % hull.length]!;
    const [dx, dz] = [bx - ax, bz - az];
    const length = Math.hypot(dx, dz);
    if (length < 1e-9) continue;
    const share = Math.min(1, Math.max(0, ((x - ax) * dx + (z - az) * dz) / length ** 2));
    nearest = Math.min(nearest, Math.hypot(x - ax - share * dx, z - az - share * dz));
    deepest = Math.max(deepest, ((x - ax) * dz - (z - az) * dx) / length);
  }
  return deepest < 0 ? deepest : nearest;
}

/** The least distance (m) of the skin of both hands, wrists included, from trunk and head as they are drawn now. */
export function clearance(subject: Subject): { trunk: number; head: number } {
  const points = (['left', 'right'] as const).flatMap((side, k) => [
    subject.place(`${side}Hand`),
    ...subject.hands[k]!.map(drawn),
  ]);
  const least = (vertices: readonly Vertex[], bone: VRMHumanBoneName, halfM: number) => {
    if (vertices.length === 0) return Number.POSITIVE_INFINITY;
    const solid = new Solid(subject, vertices, bone, halfM);
    return Math.min(...points.map((point) => solid.distance(point)));
  };
  const halfM = 0.03 * subject.scale;
  return {
    trunk: least(subject.trunk, 'spine', halfM),
    head: least(thinned(subject.head, 1500), 'head', halfM),
  };
}

/** What {@link watchFeet} saw, in metres and metres per second of a person of the reference's size. */
export type FeetSeen = {
  /** Heights of the lowest point of both soles: the lowest ever; the lowest and highest while both stand. */
  lowest: number;
  standing: [number, number];
  /** Speed of feet on the floor against those of the motion: median and 99th percentile; how often one was looked at. */
  slide: number;
  slideMost: number;
  planted: number;
  /** The least bend of a knee (rad), positive where shins go backwards. */
  knee: number;
};

/** The ball of a foot that is lower is on the floor. */
const LOW_M = 0.01;

/** Lives through a motion and watches the soles. */
export function watchFeet(subject: Subject, bodies: Float32Array, from = 0, step = 1): FeetSeen {
  const reference = new Figure();
  const before = [new Vector3(), new Vector3()];
  const beforeReference = [new Vector3(), new Vector3()];
  const seen: FeetSeen = { lowest: 1, standing: [1, -1], slide: 0, slideMost: 0, planted: 0, knee: Math.PI };
  const slides: number[] = [];
  for (let k = from; k < bodies.length / ROW; k += step) {
    const at = k * ROW;
    reference.pose(bodies, at);
    subject.show(bodies, at);
    const planted = [false, false];
    for (const [foot, side] of (['left', 'right'] as const).entries()) {
      const toes = 3 * LEGS[foot]!.toes;
      const ball = new Vector3().fromArray(reference.positions, toes);
      const here = subject.ball(side);
      const ways = [
        ball.clone().sub(beforeReference[foot]!),
        here.clone().sub(before[foot]!).divideScalar(subject.scale),
      ] as const;
      if (k > from && ball.y < LOW_M) {
        planted[foot] = ball.y < 0.004 && ways[0].length() < 3e-4 * step;
        slides.push((Math.hypot(ways[1].x - ways[0].x, ways[1].z - ways[0].z) * 30) / step);
      }
      beforeReference[foot]!.copy(ball);
      before[foot]!.copy(here);
      const [hip, knee, ankle] = ['UpperLeg', 'LowerLeg', 'Foot'].map((part) => subject.place(side + part));
      const thigh = knee!.clone().sub(hip!).normalize();
      const shank = ankle!.clone().sub(knee!).normalize();
      const sideways = new Vector3(1, 0, 0).applyQuaternion(
        subject.character.bone('hips')!.getWorldQuaternion(new Quaternion()),
      );
      if (subject.character.facesMinusZ) sideways.negate();
      const bend = Math.atan2(new Vector3().crossVectors(thigh, shank).dot(sideways), thigh.dot(shank));
      seen.knee = Math.min(seen.knee, bend);
    }
    const low = subject.feet.map(
      (sole) => Math.min(...sole.map((vertex) => drawn(vertex).y)) / subject.scale,
    );
    seen.lowest = Math.min(seen.lowest, ...low);
    if (planted[0] && planted[1]) {
      seen.standing[0] = Math.min(seen.standing[0], ...low);
      seen.standing[1] = Math.max(seen.standing[1], ...low);
    }
  }
  seen.planted = slides.length;
  slides.sort((a, b) => a - b);
  seen.slide = slides[slides.length >> 1] ?? 0;
  seen.slideMost = slides[Math.floor(0.99 * slides.length)] ?? 0;
  return seen;
}

/** A body frame with left and right changed over. */
export function mirrored(bodies: Float32Array, at: number): Float32Array {
  const frame = bodies.slice(at, at + BODY_NUMBERS);
  const out = frame.slice();
  out[0] = -frame[0]!;
  out[3] = -frame[3]!;
  for (const [j, name] of JOINTS.entries()) {
    const to = EXP_AT[j]!;
    if (to < 0) continue;
    const other = name.startsWith('left') ? name.replace('left', 'right') : name.replace('right', 'left');
    const from = EXP_AT[JOINTS.indexOf(other as (typeof JOINTS)[number])]!;
    out.set([frame[from]!, -frame[from + 1]!, -frame[from + 2]!], to);
  }
  for (let i = 0; i < HAND_NUMBERS; i++) {
    out[BODY_AT.leftHand + i] = frame[BODY_AT.rightHand + i]!;
    out[BODY_AT.rightHand + i] = frame[BODY_AT.leftHand + i]!;
  }
  out[BODY_AT.head + 1] = -frame[BODY_AT.head + 1]!;
  out[BODY_AT.head + 2] = -frame[BODY_AT.head + 2]!;
  return out;
}

/** The largest distance (m, of a person of the reference's size) of a bone from its mirror partner in the mirrored frame. */
export function asymmetry(subject: Subject, bodies: Float32Array, at: number): number {
  subject.show(bodies, at);
  const places = subject.places();
  subject.show(mirrored(bodies, at), 0);
  let most = 0;
  for (const [bone, place] of places) {
    const other = subject.place(
      bone.startsWith('left') ? bone.replace('left', 'right') : bone.replace('right', 'left'),
    );
    if (Number.isNaN(other.x)) continue;
    most = Math.max(most, Math.hypot(place.x + other.x, place.y - other.y, place.z - other.z));
  }
  return most / subject.scale;
}
