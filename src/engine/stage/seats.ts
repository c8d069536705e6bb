import {
  DataTexture,
  Group,
  LinearFilter,
  Mesh,
  MeshBasicMaterial,
  type Object3D,
  PlaneGeometry,
  RGBAFormat,
} from 'three';
import { Chair, chairParts } from './chair.ts';

const PIXELS = 64;
const GROW_S = 0.7;
/** A sitter's hips come down so far behind where they stood, on a seat so high, in units of an adult. */
const BEHIND_M = 0.3;
const SEAT_M = 0.38;
/** Buttocks are so far under hips. */
const UNDER_HIPS_M = 0.1;
/** A chair whose person is further away goes, and comes again. */
const LOST_M = 0.45;
/** Feet further off the floor throw no shadow on it. */
const FOOT_OFF_M = 0.25;

/** Where a person is on the floor of the group, in metres, for what is under it. */
export type Stand = {
  x: number;
  z: number;
  yaw: number;
  hipsM: number;
  /** Size against an adult. */
  size: number;
  /** How far the person has sat down, 0…1. */
  down: number;
  /** Whether a chair should be there. */
  seated: boolean;
};

type Place = { chair: Chair; grown: number; x: number; z: number; yaw: number; seatM: number; down: number };

/** A soft round shadow, dark in the middle. */
const blob = () => {
  const pixels = new Uint8Array(4 * PIXELS * PIXELS);
  for (let y = 0; y < PIXELS; y++)
    for (let x = 0; x < PIXELS; x++) {
      const r = Math.hypot(x + 0.5 - PIXELS / 2, y + 0.5 - PIXELS / 2) / (PIXELS / 2);
      pixels.set([20, 10, 24, 255 * Math.max(0, 1 - r) ** 1.7], 4 * (y * PIXELS + x));
    }
  const texture = new DataTexture(pixels, PIXELS, PIXELS, RGBAFormat);
  texture.minFilter = LinearFilter;
  texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
};

/** What two people stand and sit on: contact shadows of body and feet, and chairs that come when they are needed. */
export class Seats {
  readonly group = new Group();
  readonly #texture = blob();
  readonly #shape = new PlaneGeometry(1, 1);
  readonly #paints: MeshBasicMaterial[] = [];
  readonly #bodies = [0, 1].map(() => this.#shadow(0.55));
  readonly #feet = [0, 1, 2, 3].map(() => this.#shadow(0.85));
  readonly #parts = chairParts();
  readonly #places: readonly Place[];

  constructor() {
    this.#shape.rotateX(-Math.PI / 2);
    this.#places = [0, 1].map(() => {
      const chair = new Chair(this.#parts);
      this.group.add(chair.group);
      return { chair, grown: Number.NaN, x: 0, z: 0, yaw: 0, seatM: SEAT_M, down: 0 };
    });
  }

  /** Whether contact shadows are shown; chairs always are. */
  set shadows(shown: boolean) {
    for (const shadow of [...this.#bodies, ...this.#feet]) shadow.visible = shown;
  }

  /** Moves a person's contact shadow and chair on by `deltaS`. */
  update(person: 0 | 1, stand: Readonly<Stand>, deltaS: number): void {
    const { x, z, size, hipsM } = stand;
    const body = this.#bodies[person]!;
    body.position.set(x, 0.003, z + 0.02);
    body.scale.setScalar((0.75 + 0.25 * stand.down) * size * Math.min(1.3, 0.6 + 0.4 / Math.max(0.3, hipsM)));
    this.#sit(this.#places[person]!, stand, deltaS);
  }

  /** Puts the contact shadow of a foot (0 left, 1 right) under its bones, given in the frame of the group. */
  foot(person: 0 | 1, foot: 0 | 1, x: number, heightM: number, z: number, yaw: number, size: number): void {
    const shadow = this.#feet[2 * person + foot]!;
    const near = Math.max(0, 1 - heightM / (FOOT_OFF_M * size));
    shadow.position.set(x, 0.004, z);
    shadow.rotation.y = yaw;
    shadow.scale.set(0.19 * size * near, 1, 0.38 * size * near);
  }

  /** Frees everything. */
  dispose(): void {
    this.group.removeFromParent();
    for (const thing of [this.#texture, this.#shape, ...this.#parts.shapes, ...this.#paints]) thing.dispose();
    this.#parts.linen.dispose();
    this.#parts.walnut.dispose();
  }

  #shadow(opacity: number): Object3D {
    const paint = new MeshBasicMaterial({
      map: this.#texture,
      transparent: true,
      opacity,
      depthWrite: false,
      toneMapped: false,
    });
    this.#paints.push(paint);
    const shadow = new Mesh(this.#shape, paint);
    shadow.renderOrder = 1;
    // It is a shadow and throws none.
    shadow.userData.flat = true;
    this.group.add(shadow);
    return shadow;
  }

  /** A chair goes where its sitter comes down while the sitter comes down, and stays there. */
  #sit(place: Place, { x, z, yaw, hipsM, size, down, seated }: Readonly<Stand>, deltaS: number) {
    const first = Number.isNaN(place.grown);
    const wanted = seated || down > 0.1;
    const behind = BEHIND_M * size * (1 - down);
    const atX = x - behind * Math.sin(yaw);
    const atZ = z - behind * Math.cos(yaw);
    const lost = Math.hypot(place.x - atX, place.z - atZ) > LOST_M * size;
    const goal = wanted && !(lost && place.grown > 0) ? 1 : 0;
    if (first) place.grown = goal;
    const gone = place.grown === 0;
    place.grown = Math.min(1, Math.max(0, place.grown + Math.sign(goal - place.grown) * (deltaS / GROW_S)));
    const share = first || gone ? 1 : Math.min(1, 7 * Math.abs(down - place.down));
    const seatM = down > 0.6 ? hipsM - UNDER_HIPS_M * size : SEAT_M * size;
    place.down = down;
    place.x += (atX - place.x) * share;
    place.z += (atZ - place.z) * share;
    place.yaw += Math.atan2(Math.sin(yaw - place.yaw), Math.cos(yaw - place.yaw)) * share;
    place.seatM += (seatM - place.seatM) * (down > 0.6 && !first ? Math.min(1, 8 * deltaS) : share);
    place.chair.group.position.set(place.x, 0, place.z);
    place.chair.group.rotation.y = place.yaw;
    const t = place.grown;
    place.chair.show(Math.max(0.05, place.seatM), size, t * t * (3 - 2 * t));
  }
}
