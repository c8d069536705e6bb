/** A list of numbers that rotations are read from and written into. */
export type Numbers = Float32Array | Float64Array;

/** Below this angle (rad) an exp-map and its quaternion are told by their series: 0/0 otherwise. */
const TINY_RAD = 1e-6;

/** Writes the quaternion xyzw of the exp-map (axis times angle, rad) at `e[eo…]` into `q[qo…]`. */
export function quaternionInto(q: Numbers, qo: number, e: Numbers, eo: number): void {
  const x = e[eo];
  const y = e[eo + 1];
  const z = e[eo + 2];
  const angle = Math.sqrt(x * x + y * y + z * z);
  const scale = angle < TINY_RAD ? 0.5 : Math.sin(angle / 2) / angle;
  q[qo] = x * scale;
  q[qo + 1] = y * scale;
  q[qo + 2] = z * scale;
  q[qo + 3] = Math.cos(angle / 2);
}

/** Writes the exp-map (rad, at most π long) of the unit quaternion xyzw at `q[qo…]` into `e[eo…]`. */
export function expInto(e: Numbers, eo: number, q: Numbers, qo: number): void {
  const sign = q[qo + 3] < 0 ? -1 : 1;
  const sine = Math.sqrt(q[qo] ** 2 + q[qo + 1] ** 2 + q[qo + 2] ** 2);
  const angle = 2 * Math.atan2(sine, sign * q[qo + 3]);
  const scale = sine < TINY_RAD ? 2 * sign : (sign * angle) / sine;
  e[eo] = q[qo] * scale;
  e[eo + 1] = q[qo + 1] * scale;
  e[eo + 2] = q[qo + 2] * scale;
}

/** Writes the product `a·b` (first turn by b, then by a) into `out`; the three may be the same. */
export function multiplyInto(out: Numbers, oo: number, a: Numbers, ao: number, b: Numbers, bo: number): void {
  const ax = a[ao];
  const ay = a[ao + 1];
  const az = a[ao + 2];
  const aw = a[ao + 3];
  const bx = b[bo];
  const by = b[bo + 1];
  const bz = b[bo + 2];
  const bw = b[bo + 3];
  out[oo] = aw * bx + ax * bw + ay * bz - az * by;
  out[oo + 1] = aw * by - ax * bz + ay * bw + az * bx;
  out[oo + 2] = aw * bz + ax * by - ay * bx + az * bw;
  out[oo + 3] = aw * bw - ax * bx - ay * by - az * bz;
}

/** Writes `a⁻¹·b` of two unit quaternions into `out`; the three may be the same. */
export function relativeInto(out: Numbers, oo: number, a: Numbers, ao: number, b: Numbers, bo: number): void {
  INVERSE[0] = -a[ao];
  INVERSE[1] = -a[ao + 1];
  INVERSE[2] = -a[ao + 2];
  INVERSE[3] = a[ao + 3];
  multiplyInto(out, oo, INVERSE, 0, b, bo);
}

/** Writes the vector at `v[vo…]`, turned by the unit quaternion at `q[qo…]`, into `out`; it may be `v`. */
export function rotateInto(out: Numbers, oo: number, q: Numbers, qo: number, v: Numbers, vo: number): void {
  const qx = q[qo];
  const qy = q[qo + 1];
  const qz = q[qo + 2];
  const qw = q[qo + 3];
  const vx = v[vo];
  const vy = v[vo + 1];
  const vz = v[vo + 2];
  const tx = 2 * (qy * vz - qz * vy);
  const ty = 2 * (qz * vx - qx * vz);
  const tz = 2 * (qx * vy - qy * vx);
  out[oo] = vx + qw * tx + qy * tz - qz * ty;
  out[oo + 1] = vy + qw * ty + qz * tx - qx * tz;
  out[oo + 2] = vz + qw * tz + qx * ty - qy * tx;
}

/** Writes the turn by `yawRad` about +Y into `q[qo…]`. */
export function yawInto(q: Numbers, qo: number, yawRad: number): void {
  q[qo] = 0;
  q[qo + 1] = Math.sin(yawRad / 2);
  q[qo + 2] = 0;
  q[qo + 3] = Math.cos(yawRad / 2);
}

/** The yaw (rad, 0 faces +Z, positive to +X) of the direction in which the rotation at `q[qo…]` turns +Z. */
export function yawOf(q: Numbers, qo: number): number {
  const x = 2 * (q[qo] * q[qo + 2] + q[qo + 3] * q[qo + 1]);
  const z = 1 - 2 * (q[qo] ** 2 + q[qo + 1] ** 2);
  return Math.atan2(x, z);
}

/** Writes the shortest turn that brings the direction of vector `a` to that of `b` into `q[qo…]`. */
export function arcInto(q: Numbers, qo: number, a: Numbers, ao: number, b: Numbers, bo: number): void {
  const lengths = Math.sqrt(
    (a[ao] ** 2 + a[ao + 1] ** 2 + a[ao + 2] ** 2) * (b[bo] ** 2 + b[bo + 1] ** 2 + b[bo + 2] ** 2),
  );
  const w = lengths + a[ao] * b[bo] + a[ao + 1] * b[bo + 1] + a[ao + 2] * b[bo + 2];
  if (!(w > 1e-9 * lengths)) {
    // Opposite or no direction: no turn is the shortest, so none is made.
    q[qo] = 0;
    q[qo + 1] = 0;
    q[qo + 2] = 0;
    q[qo + 3] = 1;
    return;
  }
  q[qo] = a[ao + 1] * b[bo + 2] - a[ao + 2] * b[bo + 1];
  q[qo + 1] = a[ao + 2] * b[bo] - a[ao] * b[bo + 2];
  q[qo + 2] = a[ao] * b[bo + 1] - a[ao + 1] * b[bo];
  q[qo + 3] = w;
  normalizeInto(q, qo);
}

/** Writes the turn that stands at `share` (0…1) between two unit quaternions, the short way round, into `out`. */
export function blendInto(
  out: Numbers,
  oo: number,
  a: Numbers,
  ao: number,
  b: Numbers,
  bo: number,
  share: number,
): void {
  const dot = a[ao] * b[bo] + a[ao + 1] * b[bo + 1] + a[ao + 2] * b[bo + 2] + a[ao + 3] * b[bo + 3];
  const to = dot < 0 ? -share : share;
  for (let i = 0; i < 4; i++) out[oo + i] = a[ao + i] * (1 - share) + b[bo + i] * to;
  normalizeInto(out, oo);
}

/** Writes the 3×3 rotation matrix, row-major, of the unit quaternion at `q[qo…]` into `m`. */
export function matrixInto(m: Numbers, q: Numbers, qo: number): void {
  const x = q[qo];
  const y = q[qo + 1];
  const z = q[qo + 2];
  const w = q[qo + 3];
  m[0] = 1 - 2 * (y * y + z * z);
  m[1] = 2 * (x * y - z * w);
  m[2] = 2 * (x * z + y * w);
  m[3] = 2 * (x * y + z * w);
  m[4] = 1 - 2 * (x * x + z * z);
  m[5] = 2 * (y * z - x * w);
  m[6] = 2 * (x * z - y * w);
  m[7] = 2 * (y * z + x * w);
  m[8] = 1 - 2 * (x * x + y * y);
}

/** The angle in −π…π that stands for the same direction. */
export const wrapAngle = (angleRad: number) =>
  angleRad - 2 * Math.PI * Math.floor((angleRad + Math.PI) / (2 * Math.PI));

const INVERSE = new Float64Array(4);

function normalizeInto(q: Numbers, qo: number) {
  const length = Math.sqrt(q[qo] ** 2 + q[qo + 1] ** 2 + q[qo + 2] ** 2 + q[qo + 3] ** 2);
  if (length < 1e-12) {
    q[qo] = 0;
    q[qo + 1] = 0;
    q[qo + 2] = 0;
    q[qo + 3] = 1;
    return;
  }
  for (let i = 0; i < 4; i++) q[qo + i] /= length;
}
