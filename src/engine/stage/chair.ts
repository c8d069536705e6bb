import {
  CatmullRomCurve3,
  CylinderGeometry,
  ExtrudeGeometry,
  Group,
  Mesh,
  MeshStandardMaterial,
  Shape,
  TubeGeometry,
  Vector3,
} from 'three';

const HALF_M = 0.21;
const DEEP_M = 0.2;
const PAD_M = 0.05;
const BACK_M = 0.34;

/** What both chairs are made of; made once, freed once. */
export type ChairParts = ReturnType<typeof chairParts>;

/** Makes shapes and materials of a low-backed chair: linen pad, walnut frame. */
export function chairParts() {
  const outline = new Shape();
  const r = 0.09;
  outline.moveTo(-HALF_M + r, -DEEP_M);
  outline.lineTo(HALF_M - r, -DEEP_M);
  outline.quadraticCurveTo(HALF_M, -DEEP_M, HALF_M, -DEEP_M + r);
  outline.lineTo(HALF_M, DEEP_M - r);
  outline.quadraticCurveTo(HALF_M, DEEP_M, HALF_M - r, DEEP_M);
  outline.lineTo(-HALF_M + r, DEEP_M);
  outline.quadraticCurveTo(-HALF_M, DEEP_M, -HALF_M, DEEP_M - r);
  outline.lineTo(-HALF_M, -DEEP_M + r);
  outline.quadraticCurveTo(-HALF_M, -DEEP_M, -HALF_M + r, -DEEP_M);
  const bevel = 0.016;
  const pad = new ExtrudeGeometry(outline, {
    depth: PAD_M - 2 * bevel,
    bevelSize: bevel,
    bevelThickness: bevel,
    bevelSegments: 4,
    curveSegments: 8,
  });
  pad.rotateX(-Math.PI / 2);
  pad.translate(0, bevel - PAD_M, 0);
  const leg = new CylinderGeometry(0.017, 0.011, 1, 14);
  leg.translate(0, -0.5, 0);
  const frame = new CylinderGeometry(0.012, 0.014, BACK_M, 12);
  frame.translate(0, BACK_M / 2, 0);
  const bow = [-1, -0.5, 0, 0.5, 1].map((t) => new Vector3(t * (HALF_M + 0.015), 0, 0.075 * t * t - 0.045));
  const back = new TubeGeometry(new CatmullRomCurve3(bow), 28, 0.028, 12);
  back.scale(1, 2.1, 1);
  return {
    shapes: [pad, leg, frame, back],
    pad,
    leg,
    frame,
    back,
    linen: new MeshStandardMaterial({ color: 0xcdbba6, roughness: 0.95 }),
    walnut: new MeshStandardMaterial({ color: 0x5b3a2c, roughness: 0.6 }),
  };
}

/** A chair whose seat can have any height and whose whole grows out of the floor; its sitter faces +z. */
export class Chair {
  readonly group = new Group();
  readonly #top = new Group();
  readonly #legs: readonly Mesh[];

  constructor({ pad, leg, frame, back, linen, walnut }: ChairParts) {
    const corners = [-1, 1].flatMap((x) => [-1, 1].map((z) => [x, z] as const));
    this.#legs = corners.map(([x, z]) => {
      const mesh = new Mesh(leg, walnut);
      mesh.position.set(x * (HALF_M - 0.035), 0, z * (DEEP_M - 0.035));
      mesh.rotation.set(z * -0.09, 0, x * 0.09);
      return mesh;
    });
    const seat = new Mesh(pad, linen);
    const rail = new Mesh(back, walnut);
    rail.position.set(0, BACK_M - 0.02, -DEEP_M - 0.045);
    const posts = [-1, 1].map((x) => {
      const post = new Mesh(frame, walnut);
      post.position.set(x * (HALF_M - 0.04), -PAD_M, -DEEP_M + 0.02);
      post.rotation.set(-0.2, 0, x * -0.08);
      return post;
    });
    this.#top.add(seat, rail, ...posts, ...this.#legs);
    this.group.add(this.#top);
    this.group.visible = false;
  }

  /** Shows the chair: seat at `heightM`, as wide as for a person of `size` (1 an adult), `grown` 0 not there … 1 whole. */
  show(heightM: number, size: number, grown: number): void {
    this.group.visible = grown > 0.01;
    if (!this.group.visible) return;
    const whole = size * (0.7 + 0.3 * grown);
    this.#top.scale.setScalar(whole);
    this.#top.position.y = heightM * grown;
    for (const leg of this.#legs) {
      leg.position.y = -PAD_M / 2;
      leg.scale.y = Math.max(0.01, ((heightM * grown) / whole - PAD_M / 2) / Math.cos(0.09) ** 2);
    }
  }
}
