import {
  CanvasTexture,
  CircleGeometry,
  DirectionalLight,
  Group,
  HemisphereLight,
  Mesh,
  MeshBasicMaterial,
  type Object3D,
  SRGBColorSpace,
  type Texture,
} from 'three';
import { makeRandom } from './noise.ts';

/** The room around two people: backdrop picture, floor, and lights. */
export type Backdrop = {
  readonly background: Texture;
  readonly objects: Group;
  dispose(): void;
};

const paint = (size: number, draw: (context: CanvasRenderingContext2D) => void) => {
  const canvas = document.createElement('canvas');
  canvas.width = size;
  canvas.height = size;
  draw(canvas.getContext('2d')!);
  const texture = new CanvasTexture(canvas);
  texture.colorSpace = SRGBColorSpace;
  return texture;
};

/** Eight bits of a slow gradient show bands; a grain of one step hides them. */
const grain = (context: CanvasRenderingContext2D, size: number, strength: number) => {
  const random = makeRandom(7);
  const image = context.getImageData(0, 0, size, size);
  for (let i = 0; i < image.data.length; i += 4) {
    const step = (random() + random() - 1) * strength;
    for (let c = 0; c < 3; c++) image.data[i + c] = image.data[i + c]! + step;
  }
  context.putImageData(image, 0, 0);
};

/** A quiet wall: dusk at the edges, a last warm light between the two. */
const wall = () =>
  paint(512, (context) => {
    const down = context.createLinearGradient(0, 0, 0, 512);
    down.addColorStop(0, '#323c5a');
    down.addColorStop(0.45, '#57597a');
    down.addColorStop(0.7, '#6a5f78');
    down.addColorStop(1, '#2c2b3c');
    context.fillStyle = down;
    context.fillRect(0, 0, 512, 512);
    const glow = context.createRadialGradient(256, 250, 0, 256, 250, 320);
    glow.addColorStop(0, 'rgba(244, 190, 150, 0.62)');
    glow.addColorStop(0.35, 'rgba(222, 160, 140, 0.34)');
    glow.addColorStop(0.7, 'rgba(160, 120, 140, 0.1)');
    glow.addColorStop(1, 'rgba(120, 110, 140, 0)');
    context.fillStyle = glow;
    context.fillRect(0, 0, 512, 512);
    grain(context, 512, 2.2);
  });

const blob = (inner: string, stops: readonly [number, number][]) =>
  paint(256, (context) => {
    const gradient = context.createRadialGradient(128, 128, 0, 128, 128, 128);
    for (const [at, alpha] of stops) gradient.addColorStop(at, `rgba(${inner}, ${alpha})`);
    context.fillStyle = gradient;
    context.fillRect(0, 0, 256, 256);
  });

/** Builds the room; the caller adds `objects` to its scene and disposes of it. */
export function makeBackdrop(): Backdrop {
  const background = wall();
  const pool = blob('208, 190, 168', [
    [0, 0.3],
    [0.4, 0.16],
    [1, 0],
  ]);
  const objects = new Group();

  const floorShape = new CircleGeometry(2.6, 48);
  const floorPaint = new MeshBasicMaterial({
    map: pool,
    transparent: true,
    depthWrite: false,
    toneMapped: false,
  });
  const floor = new Mesh(floorShape, floorPaint);
  floor.rotation.x = -Math.PI / 2;
  objects.add(floor);

  for (const light of lights()) objects.add(light);

  return {
    background,
    objects,
    dispose() {
      objects.removeFromParent();
      for (const thing of [background, pool]) thing.dispose();
      for (const thing of [floorShape]) thing.dispose();
      for (const thing of [floorPaint]) thing.dispose();
    },
  };
}

/**
 * A warm key from the front between the two, where both faces turn, a cool fill from the side of the viewer, a sky, and
 * a rim light behind each shoulder.
 */
function lights(): Object3D[] {
  const sky = new HemisphereLight(0xdfe4f5, 0x7d6a66, 1.15);
  const key = new DirectionalLight(0xfff0dd, 3.1);
  key.position.set(0.35, 2.9, 3);
  const fill = new DirectionalLight(0xc3d0f2, 0.55);
  fill.position.set(-2.6, 1.6, 2.4);
  const rims = [-1, 1].map((side) => {
    const rim = new DirectionalLight(side < 0 ? 0xffc9a0 : 0xc6cfff, 2.2);
    rim.position.set(2.2 * side, 2.3, -2.4);
    return rim;
  });
  const all = [key, fill, ...rims];
  for (const light of all) light.target.position.set(0, 1.3, 0);
  return [sky, ...all, ...all.map((light) => light.target)];
}
