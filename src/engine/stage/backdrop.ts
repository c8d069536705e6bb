import {
  BackSide,
  BufferAttribute,
  type BufferGeometry,
  Color,
  type ColorRepresentation,
  DataTexture,
  DoubleSide,
  Group,
  LinearFilter,
  Mesh,
  MeshBasicMaterial,
  PlaneGeometry,
  RGBAFormat,
  RingGeometry,
  ShadowMaterial,
  SphereGeometry,
  SRGBColorSpace,
  type Vector3,
} from 'three';
import { makeRandom } from './noise.ts';

/** What stands behind the two: the quiet room, nothing at all (the page shows through), or a colour. */
export type Background = 'room' | 'transparent' | ColorRepresentation;

/** The room around two people: a wall that goes over into the floor, and a floor that takes shadows. */
export type Backdrop = {
  readonly objects: Group;
  /** The colour to clear with, where there is one. */
  readonly colour: Color | null;
  /** Turns the wall's light to stand behind the two, seen from the camera; `faces` is between their eyes. */
  face(camera: Readonly<Vector3>, faces: Readonly<Vector3>): void;
  dispose(): void;
};

const WALL_M = 9;
const PICTURE = 512;
/** The part of the sphere that has the light of the wall (rad). */
const WIDE_RAD = 2.6;

type Rgb = readonly [number, number, number];
const hex = (value: number): Rgb => [value >> 16, (value >> 8) & 255, value & 255];
const mix = (a: Rgb, b: Rgb, share: number): Rgb => [
  a[0] + (b[0] - a[0]) * share,
  a[1] + (b[1] - a[1]) * share,
  a[2] + (b[2] - a[2]) * share,
];
const smooth = (from: number, to: number, x: number) => {
  const t = Math.min(1, Math.max(0, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
};

/** Plum above, rose-brown below; teal and orange both stand out from it. */
const WALL = { top: hex(0x2e2a47), middle: hex(0x5d4a66), floor: hex(0x3a2e40) };
const SUN = { high: 0xecc6a0, low: hex(0xcf8573) };
const SUN_UP_RAD = 0.135;
const SUN_Z_M = 8.2;
const SUN_UNDER_M = 0.14;
const LOWEST_SUN_M = -1.5;
const HIGHEST_SUN_M = 2.2;
const SUN_M = 1.6;
/** The sun's rim goes over into the wall within this share of its radius. */
const SUN_RIM = 0.012;

/** Dusk, and the glow of a large low sun between the two. */
function paintWall(): DataTexture {
  const random = makeRandom(7);
  const pixels = new Uint8Array(4 * PICTURE * PICTURE);
  for (let y = 0; y < PICTURE; y++)
    for (let x = 0; x < PICTURE; x++) {
      // Degrees off the middle of the sun, and above the horizon.
      const across = ((x + 0.5) / PICTURE - 0.5) * WIDE_RAD;
      const up = ((y + 0.5) / PICTURE - 0.5) * Math.PI;
      const base =
        up > 0
          ? mix(WALL.middle, WALL.top, smooth(0, 0.75, up))
          : mix(WALL.middle, WALL.floor, smooth(0, -0.35, up));
      const r = Math.hypot(across, up - SUN_UP_RAD);
      const halo = 0.46 * Math.exp(-((r / 0.42) ** 2)) + 0.2 * Math.exp(-((r / 0.8) ** 2));
      const colour = mix(base, SUN.low, halo);
      // Eight bits of a slow gradient show bands; a grain of one step hides them.
      const grain = (random() + random() - 1) * 2;
      const at = 4 * (y * PICTURE + x);
      for (let c = 0; c < 3; c++) pixels[at + c] = Math.min(255, Math.max(0, colour[c]! + grain));
      pixels[at + 3] = 255;
    }
  const texture = new DataTexture(pixels, PICTURE, PICTURE, RGBAFormat);
  texture.colorSpace = SRGBColorSpace;
  texture.minFilter = LinearFilter;
  texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}

/** The sun: a disc with a smooth rim, paler above than below, that ends in the haze. */
function makeSun(): Mesh<BufferGeometry, MeshBasicMaterial> {
  const around = 96;
  const shape = new RingGeometry(0, SUN_M * (1 + SUN_RIM), around, 16);
  const at = shape.getAttribute('position');
  const colours = new Float32Array(4 * at.count);
  const colour = new Color();
  const high = new Color(SUN.high);
  const low = new Color().setRGB(
    ...(SUN.low.map((c) => c / 255) as [number, number, number]),
    SRGBColorSpace,
  );
  for (let i = 0; i < at.count; i++) {
    // The last ring but one is the edge of the disc.
    const ring = Math.floor(i / (around + 1));
    const [x, y] = [at.getX(i), at.getY(i)];
    const r = Math.hypot(x, y) || 1;
    if (ring === 15) at.setXY(i, (x / r) * SUN_M, (y / r) * SUN_M);
    const up = y / SUN_M;
    colour.lerpColors(low, high, smooth(-0.75, 0.6, up));
    colour.toArray(colours, 4 * i);
    colours[4 * i + 3] = ring === 16 ? 0 : 0.92 * smooth(-1.02, -0.35, up);
  }
  shape.setAttribute('color', new BufferAttribute(colours, 4));
  const paint = new MeshBasicMaterial({
    vertexColors: true,
    transparent: true,
    toneMapped: false,
    depthWrite: false,
    side: DoubleSide,
  });
  return new Mesh(shape, paint);
}

/** Builds what stands behind the two; `full` lets the floor take the shadow of the key light. */
export function makeBackdrop(background: Background, full: boolean): Backdrop {
  const objects = new Group();
  const shadowShape = new PlaneGeometry(12, 12);
  const shadowPaint = new ShadowMaterial({ color: 0x140c1c, opacity: 0.42 });
  const shadow = new Mesh(shadowShape, shadowPaint);
  shadow.rotation.x = -Math.PI / 2;
  shadow.position.y = 0.001;
  shadow.receiveShadow = true;
  shadow.visible = full;
  objects.add(shadow);
  const freeShadow = () => {
    objects.removeFromParent();
    shadowShape.dispose();
    shadowPaint.dispose();
  };
  if (background !== 'room') {
    const colour = background === 'transparent' ? null : new Color(background);
    return { objects, colour, face: () => undefined, dispose: freeShadow };
  }
  const picture = paintWall();
  const wallShape = new SphereGeometry(WALL_M, 48, 32, Math.PI / 2 - WIDE_RAD / 2, WIDE_RAD);
  // Seen from inside left is right.
  const wallPaint = new MeshBasicMaterial({
    map: picture,
    side: BackSide,
    toneMapped: false,
    depthWrite: false,
  });
  const wall = new Mesh(wallShape, wallPaint);
  wall.renderOrder = -1;
  const sun = makeSun();
  sun.renderOrder = -1;
  // Before the wall, and turned with it.
  sun.position.set(0, SUN_UP_RAD * WALL_M, SUN_Z_M);
  wall.add(sun);
  objects.add(wall);
  return {
    objects,
    colour: new Color().setRGB(
      ...(WALL.middle.map((c) => c / 255) as [number, number, number]),
      SRGBColorSpace,
    ),
    face(camera, faces) {
      const x = faces.x - camera.x;
      const z = faces.z - camera.z;
      wall.position.set(faces.x, 0, faces.z);
      wall.rotation.y = Math.atan2(x, z);
      // A little under the line from the camera through the faces, as far as the wall is behind them.
      const further = SUN_Z_M / Math.max(0.5, Math.hypot(x, z));
      const up = faces.y - SUN_UNDER_M + further * (faces.y - SUN_UNDER_M - camera.y);
      sun.position.y = Math.min(HIGHEST_SUN_M, Math.max(LOWEST_SUN_M, up));
    },
    dispose() {
      freeShadow();
      for (const thing of [picture, wallShape, wallPaint, sun.geometry, sun.material]) thing.dispose();
    },
  };
}
