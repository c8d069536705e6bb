import { BODY_NUMBERS, FRAME_RATE_HZ, PERSONS } from '../motion.ts';
import { torsoDistance } from './apart.ts';
import { isOutside } from './limits.ts';
import { Figure, JOINT } from './skeleton.ts';

/** What can be said of the bodies of a motion without knowing what it should have been. */
export type BodyMeasures = {
  /** Speed of the feet over the floor, by how close they are to it, in cm/s (mean over both persons and feet). */
  readonly footSlideCmS: number;
  /** Smallest distance of the two torsos, skin to skin, in metres. */
  readonly leastDistanceM: number;
  /** Share of frames of a person in which a joint is outside its limits. */
  readonly outsideShare: number;
  /** Numbers that are NaN or infinite. */
  readonly nonFinite: number;
};

/** Height of the toes over the floor at which a foot counts no longer as standing (Zhang et al. 2018, MANN). */
const STANDING_BELOW_M = 0.025;
const TOES = [JOINT.leftToes, JOINT.rightToes] as const;

/**
 * Measures the bodies [n, 2, 75] of a motion. The slide of a foot is its speed times 2 − 2^(h/H), h the height of its
 * toes over the floor and H = 2.5 cm (Zhang et al. 2018), divided by the sum of these weights.
 */
export function measureBodies(bodies: Float32Array): BodyMeasures {
  const row = PERSONS * BODY_NUMBERS;
  const frames = Math.floor(bodies.length / row);
  const figures = [new Figure(), new Figure()];
  const before = new Float64Array(PERSONS * 2 * 2);
  let slide = 0;
  let weights = 0;
  let least = Number.POSITIVE_INFINITY;
  let outside = 0;
  for (let k = 0; k < frames; k++) {
    for (let p = 0; p < PERSONS; p++) {
      const at = k * row + p * BODY_NUMBERS;
      if (isOutside(bodies, at)) outside++;
      figures[p].pose(bodies, at);
      TOES.forEach((toes, foot) => {
        const { positions } = figures[p];
        const b = 2 * (2 * p + foot);
        const moved = Math.hypot(positions[3 * toes] - before[b], positions[3 * toes + 2] - before[b + 1]);
        const share = Math.min(1, Math.max(0, positions[3 * toes + 1] / STANDING_BELOW_M));
        before[b] = positions[3 * toes];
        before[b + 1] = positions[3 * toes + 2];
        if (k === 0 || !Number.isFinite(moved)) return;
        slide += (2 - 2 ** share) * moved * FRAME_RATE_HZ * 100;
        weights += 2 - 2 ** share;
      });
    }
    least = Math.min(least, torsoDistance(figures[0], figures[1]));
  }
  return {
    footSlideCmS: weights > 0 ? slide / weights : 0,
    leastDistanceM: least,
    outsideShare: frames > 0 ? outside / (frames * PERSONS) : 0,
    nonFinite: bodies.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0),
  };
}
