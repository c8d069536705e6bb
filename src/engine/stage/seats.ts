import {
  CylinderGeometry,
  DataTexture,
  Group,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  PlaneGeometry,
  RGBAFormat,
} from 'three';

const SIZE = 64;

/** A soft round shadow, dark in the middle. */
const blob = () => {
  const pixels = new Uint8Array(4 * SIZE * SIZE);
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const r = Math.hypot(x + 0.5 - SIZE / 2, y + 0.5 - SIZE / 2) / (SIZE / 2);
      pixels.set([8, 14, 18, 255 * 0.72 * Math.max(0, 1 - r) ** 1.8], 4 * (y * SIZE + x));
    }
  const texture = new DataTexture(pixels, SIZE, SIZE, RGBAFormat);
  texture.needsUpdate = true;
  return texture;
};

/** What two people stand and sit on: contact shadows and stools. */
export class Seats {
  readonly group = new Group();
  readonly #texture = blob();
  readonly #shadowShape = new PlaneGeometry(0.95, 0.75);
  readonly #shadowPaint = new MeshBasicMaterial({
    map: this.#texture,
    transparent: true,
    depthWrite: false,
    toneMapped: false,
  });
  readonly #stoolShape = new CylinderGeometry(0.17, 0.19, 1, 40);
  readonly #stoolPaint = new MeshStandardMaterial({ color: 0x4a4658, roughness: 0.9 });
  readonly #shadows = [0, 1].map(() => new Mesh(this.#shadowShape, this.#shadowPaint));
  readonly #stools = [0, 1].map(() => new Mesh(this.#stoolShape, this.#stoolPaint));

  constructor() {
    this.#stoolShape.translate(0, 0.5, 0);
    for (const shadow of this.#shadows) {
      shadow.rotation.x = -Math.PI / 2;
      shadow.renderOrder = 1;
    }
    for (const stool of this.#stools) stool.visible = false;
    this.group.add(...this.#shadows, ...this.#stools);
  }

  /** Moves a person's contact shadow to a place on the floor. */
  place(person: 0 | 1, x: number, z: number): void {
    this.#shadows[person]!.position.set(x, 0.003, z);
  }

  /** Puts a stool of this height under a person; none at height 0. */
  seat(person: 0 | 1, x: number, z: number, heightM: number): void {
    const stool = this.#stools[person]!;
    stool.visible = heightM > 0.02;
    stool.position.set(x, 0, z);
    stool.scale.y = Math.max(0.02, heightM);
  }

  /** Frees everything. */
  dispose(): void {
    this.group.removeFromParent();
    for (const thing of [this.#texture, this.#shadowShape, this.#stoolShape]) thing.dispose();
    for (const thing of [this.#shadowPaint, this.#stoolPaint]) thing.dispose();
  }
}
