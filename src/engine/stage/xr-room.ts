import {
  BackSide,
  BufferAttribute,
  type BufferGeometry,
  CircleGeometry,
  Color,
  Group,
  Mesh,
  MeshBasicMaterial,
  RingGeometry,
  SphereGeometry,
} from 'three';

const DOME_M = 14;
const FLOOR_M = 7;

/** What stands around a viewer who can look everywhere: a floor that eyes can rest on, and a dome in the colours of the wall. */
export type XrRoom = { readonly objects: Group; dispose(): void };

const smooth = (from: number, to: number, x: number) => {
  const t = Math.min(1, Math.max(0, (x - from) / (to - from)));
  return t * t * (3 - 2 * t);
};

/** Builds dome and floor around a background of one colour. */
export function makeXrRoom(background: Readonly<Color> | null): XrRoom {
  const objects = new Group();
  const horizon = background?.clone() ?? new Color(0x5d4a66);
  const top = horizon.clone().lerp(new Color(0x14122a), 0.6);
  const ground = horizon.clone().lerp(new Color(0x17101c), 0.55);
  // Light enough for the shadows of feet to be seen.
  const boards = horizon.clone().lerp(new Color(0xd8b8a8), 0.45);
  const shade = new Color();

  const domeShape = new SphereGeometry(DOME_M, 32, 24);
  paint(domeShape, 3, (_, y) => {
    const up = y / DOME_M;
    return up > 0
      ? shade.lerpColors(horizon, top, smooth(0, 0.75, up))
      : shade.lerpColors(horizon, ground, smooth(0, -0.4, up));
  });
  const domePaint = new MeshBasicMaterial({
    vertexColors: true,
    side: BackSide,
    depthWrite: false,
    toneMapped: false,
  });
  const dome = new Mesh(domeShape, domePaint);
  dome.renderOrder = -3;

  // Rings and spokes fine enough to see depth by, faint enough not to be looked at; the rim goes over into the haze.
  const floorShape = new RingGeometry(0, FLOOR_M, 72, 56);
  paint(
    floorShape,
    4,
    (x, y) => {
      const r = Math.hypot(x, y);
      const light = Math.exp(-((r / 2.6) ** 2));
      const ring = Math.round(r * 8) % 4 === 0 ? 0.09 : 0;
      return shade.lerpColors(horizon, boards, light - ring);
    },
    (x, y) => 1 - smooth(0.45, 1, Math.hypot(x, y) / FLOOR_M),
  );
  const floorPaint = new MeshBasicMaterial({
    vertexColors: true,
    transparent: true,
    depthWrite: false,
    toneMapped: false,
  });
  const floor = new Mesh(floorShape, floorPaint);
  floor.rotation.x = -Math.PI / 2;
  floor.renderOrder = -0.5;
  objects.add(dome, floor);
  return {
    objects,
    dispose() {
      objects.removeFromParent();
      for (const thing of [domeShape, domePaint, floorShape, floorPaint]) thing.dispose();
    },
  };
}

/** A ring on the real floor that shows where the two would stand. */
export function makeReticle(): Mesh<BufferGeometry, MeshBasicMaterial> {
  const shape = new RingGeometry(0.16, 0.19, 48).rotateX(-Math.PI / 2);
  const dot = new CircleGeometry(0.02, 24).rotateX(-Math.PI / 2);
  const paint = new MeshBasicMaterial({
    color: 0xffffff,
    transparent: true,
    opacity: 0.85,
    toneMapped: false,
  });
  const reticle = new Mesh(shape, paint);
  reticle.add(new Mesh(dot, paint));
  reticle.visible = false;
  return reticle;
}

function paint(
  shape: BufferGeometry,
  size: 3 | 4,
  colour: (x: number, y: number) => Color,
  alpha?: (x: number, y: number) => number,
) {
  const at = shape.getAttribute('position');
  const colours = new Float32Array(size * at.count);
  for (let i = 0; i < at.count; i++) {
    const [x, y] = [at.getX(i), at.getY(i)];
    colour(x, y).toArray(colours, size * i);
    if (size === 4) colours[4 * i + 3] = alpha?.(x, y) ?? 1;
  }
  shape.setAttribute('color', new BufferAttribute(colours, size));
}
