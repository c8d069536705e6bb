import { type BufferGeometry, type Group, Matrix4, type Mesh, type MeshBasicMaterial, Vector3 } from 'three';
import { makeReticle } from './xr-room.ts';

const matrix = new Matrix4();
const at = new Vector3();
const up = new Vector3();
/** Steeper than this (cosine) is no floor. */
const LEVEL = 0.9;

/** Finds the real floor where the viewer looks, shows it by a ring, and hears a tap or trigger choose it. */
export class XrHits {
  readonly reticle: Mesh<BufferGeometry, MeshBasicMaterial> = makeReticle();
  readonly #session: XRSession;
  readonly #choose: (hit: Readonly<Vector3>) => void;
  #source: XRHitTestSource | undefined;
  #disposed = false;

  /** `choose` hears a place in the world. Where the session has no hit test nothing is ever shown. */
  constructor(session: XRSession, choose: (hit: Readonly<Vector3>) => void) {
    this.#session = session;
    this.#choose = choose;
    session.addEventListener('select', this.#selected);
    void this.#open();
  }

  /** Looks anew, once a picture; `rig` is the floor that the viewer stands on. */
  update(frame: XRFrame, space: XRReferenceSpace, rig: Group): void {
    this.reticle.visible = false;
    const pose = this.#source && frame.getHitTestResults(this.#source)[0]?.getPose(space);
    if (!pose) return;
    matrix.fromArray(pose.transform.matrix).premultiply(rig.matrixWorld);
    if (up.setFromMatrixColumn(matrix, 1).y < LEVEL) return;
    this.reticle.position.setFromMatrixPosition(matrix);
    this.reticle.visible = true;
  }

  dispose(): void {
    this.#disposed = true;
    this.#session.removeEventListener('select', this.#selected);
    this.#source?.cancel();
    this.reticle.removeFromParent();
    this.reticle.traverse((part) => (part as Mesh).geometry.dispose());
    this.reticle.material.dispose();
  }

  readonly #selected = () => {
    if (this.reticle.visible) this.#choose(at.copy(this.reticle.position));
  };

  async #open() {
    try {
      const space = await this.#session.requestReferenceSpace('viewer');
      const source = await this.#session.requestHitTestSource?.({ space });
      if (this.#disposed) source?.cancel();
      else this.#source = source;
    } catch {
      // No hit test: the two stay where they were put.
    }
  }
}
