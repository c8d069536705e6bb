import { MathUtils, type Vector3 } from 'three';

/** What is changed for a flat picture of some width over height: how near the two stand, how far they open to the viewer. */
export type Arrangement = { readonly squeeze: number; readonly openRad: number };

/** The squeeze of the standing distance on a wide picture, and on an upright phone. */
const SQUEEZE = [0.84, 0.67] as const;
const OPEN_DEG = [46, 45] as const;

/** The arrangement for a picture of this width over height: on an upright phone they stand closer. */
export function arrangementFor(aspect: number): Arrangement {
  const upright = MathUtils.clamp((1.25 - aspect) / 0.7, 0, 1);
  return {
    squeeze: MathUtils.lerp(SQUEEZE[0], SQUEEZE[1], upright),
    openRad: MathUtils.degToRad(MathUtils.lerp(OPEN_DEG[0], OPEN_DEG[1], upright)),
  };
}

/**
 * Fits points into a picture: given where a camera looks, where must it stand? Add what must be seen, then ask. Exact for
 * every point, at any distance of one behind the other; allocates nothing.
 */
export class Fit {
  readonly #axes = new Float64Array(9);
  #left = 0;
  #right = 0;
  #down = 0;
  #up = 0;
  #slopeX = 1;
  #slopeY = 1;

  /** Begins anew for a camera that looks along (azimuth, elevation): it stands at azimuth 0 on +z, above at elevation > 0. */
  begin(azimuthRad: number, elevationRad: number, fieldRad: number, aspect: number): void {
    const [sa, ca] = [Math.sin(azimuthRad), Math.cos(azimuthRad)];
    const [se, ce] = [Math.sin(elevationRad), Math.cos(elevationRad)];
    // Right, up, back.
    this.#axes.set([ca, 0, -sa, -sa * se, ce, -ca * se, sa * ce, se, ca * ce]);
    this.#slopeY = Math.tan(fieldRad / 2);
    this.#slopeX = this.#slopeY * aspect;
    this.#left = this.#right = this.#down = this.#up = Number.NEGATIVE_INFINITY;
  }

  /** Something as wide as `radiusM` to each side at a height must be in the picture. */
  add(x: number, y: number, z: number, radiusM: number): void {
    const a = this.#axes;
    const across = a[0]! * x + a[1]! * y + a[2]! * z;
    const upwards = a[3]! * x + a[4]! * y + a[5]! * z;
    const back = a[6]! * x + a[7]! * y + a[8]! * z;
    this.#right = Math.max(this.#right, across + radiusM + this.#slopeX * back);
    this.#left = Math.max(this.#left, radiusM - across + this.#slopeX * back);
    this.#up = Math.max(this.#up, upwards + this.#slopeY * back);
    this.#down = Math.max(this.#down, -upwards + this.#slopeY * back);
  }

  /**
   * Writes where the camera stands and a point before it that it looks at. Of height that is left over, `above` (0…1) goes
   * over the people.
   */
  place(position: Vector3, target: Vector3, above = 0.5): void {
    const a = this.#axes;
    const wide = (this.#right + this.#left) / (2 * this.#slopeX);
    const high = (this.#up + this.#down) / (2 * this.#slopeY);
    const back = Math.max(wide, high);
    const across = (this.#right - this.#left) / 2;
    const spare = this.#slopeY * (back - high);
    const upwards = (this.#up - this.#down) / 2 + spare * (2 * above - 1);
    position.set(
      a[0]! * across + a[3]! * upwards + a[6]! * back,
      a[1]! * across + a[4]! * upwards + a[7]! * back,
      a[2]! * across + a[5]! * upwards + a[8]! * back,
    );
    target.set(position.x - a[6]!, position.y - a[7]!, position.z - a[8]!);
  }
}
