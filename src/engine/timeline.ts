import { invariant } from '../errors.ts';
import {
  ARKIT_51,
  BODY_NUMBERS,
  FACE_CHANNELS,
  FRAME_RATE_HZ,
  type MotionFrame,
  PERSONS,
  SAMPLE_RATE_HZ,
} from './motion.ts';

/** Face numbers of a pose: [2, 51] weights, from 0 on. */
export const FACE_NUMBERS = PERSONS * FACE_CHANNELS;

/** Where the bodies begin in a pose: [2, 75] numbers. */
export const BODY_OFFSET = FACE_NUMBERS;

/** Where a pose says how much of the bodies is the networks' motion: 0 none … 1 all. */
export const BODY_PRESENCE = BODY_OFFSET + PERSONS * BODY_NUMBERS;

/** Numbers of one pose: both faces, both bodies, presence of the bodies. */
export const FRAME_NUMBERS = BODY_PRESENCE + 1;

/** What a look at the timeline found; the timeline overwrites it at the next look. */
export type TimelineLook = {
  /** True where frames surround the moment asked for, so that the pose is the motion itself. */
  fresh: boolean;
  /** Seconds the moment lies past the newest frame; 0 while fresh, Infinity before the first frame. */
  ageS: number;
  /** How much of the motion is in the pose: 1 fresh or held, falling to 0 as the pose eases to rest. */
  presence: number;
};

/** Counters since the start or the last clear. */
export type TimelineStats = {
  /** Frames that were pushed. */
  frames: number;
  /** Frames that were pushed after the picture had already passed their moment. */
  lateFrames: number;
  /** Frame moments the picture passed without their frame. */
  heldFrames: number;
};

const HOLD_S = 0.25;
const EASE_S = 0.7;
// A returning motion takes over from the pose on screen with this time constant: fast enough for lips, too slow to snap.
const BLEND_S = 0.07;
// Bodies are heavier: they glide back.
const BODY_BLEND_S = 0.22;

// Lips that are silenced close with this time constant, and open again within a few frames when there is something to say.
const HUSH_S = 0.03;
const UNHUSH_S = 0.15;
/** Channels that speak; smiles and frowns are no speech. */
const SPEAKING = ARKIT_51.flatMap((name, i) =>
  /^(jaw|mouth)/.test(name) && !/Smile|Frown|Dimple/.test(name) ? [i] : [],
);

const smoothstep = (x: number) => {
  const t = Math.min(1, Math.max(0, x));
  return t * t * (3 - 2 * t);
};

/**
 * Motion frames on the audio clock: a fixed ring that interpolates between frames, holds the last pose when frames
 * are late, eases to rest after a quarter of a second and takes up the motion without a snap when frames return.
 */
export class Timeline {
  readonly #capacity: number;
  readonly #frames: Float32Array;
  readonly #indices: Float64Array;
  readonly #shown = new Float32Array(FRAME_NUMBERS);
  readonly #offset = new Float32Array(FRAME_NUMBERS);
  readonly #rest: Float32Array;
  readonly #body = new Float32Array(PERSONS * BODY_NUMBERS);
  readonly #look: TimelineLook = { fresh: false, ageS: Number.POSITIVE_INFINITY, presence: 0 };
  readonly #stats: TimelineStats = { frames: 0, lateFrames: 0, heldFrames: 0 };
  readonly #hushes: ({ from: number; until: number } | undefined)[] = [undefined, undefined];
  #newest = -1;
  #passed = -1;
  #lastSample = Number.NaN;
  #blending = false;
  #cleared = false;

  /** `capacity` frames are kept; `rest` is the [2, 51] pose of nobody speaking (default all zero). */
  constructor(capacity = 256, rest: Float32Array = new Float32Array(FACE_NUMBERS)) {
    invariant(capacity >= 2, `timeline: capacity is ${capacity}, expected at least 2`);
    invariant(
      rest.length === FACE_NUMBERS,
      `timeline: rest has ${rest.length} numbers, expected ${FACE_NUMBERS}`,
    );
    this.#capacity = capacity;
    this.#frames = new Float32Array(capacity * FRAME_NUMBERS);
    this.#indices = new Float64Array(capacity).fill(-1);
    this.#rest = new Float32Array(FRAME_NUMBERS);
    this.#rest.set(rest);
    this.#shown.set(this.#rest);
  }

  /** Counters of the conversation so far, live. */
  get stats(): Readonly<TimelineStats> {
    return this.#stats;
  }

  /** What the last look at the timeline found, live. */
  get look(): Readonly<TimelineLook> {
    return this.#look;
  }

  /** Index of the newest frame, or −1 when there is none. */
  get newestFrame(): number {
    return this.#newest;
  }

  /** Copies a frame into the ring; a frame older than the whole ring is counted and dropped. */
  push({ frameIndex, face, body }: MotionFrame): void {
    invariant(
      face.length === FACE_NUMBERS,
      `timeline: face has ${face.length} numbers, expected ${FACE_NUMBERS}`,
    );
    invariant(
      !body || body.length === PERSONS * BODY_NUMBERS,
      `timeline: body has ${body?.length} numbers, expected ${PERSONS * BODY_NUMBERS}`,
    );
    this.#stats.frames++;
    if (frameIndex <= this.#passed) this.#stats.lateFrames++;
    if (frameIndex <= this.#newest - this.#capacity) return;
    const slot = frameIndex % this.#capacity;
    const at = slot * FRAME_NUMBERS;
    this.#indices[slot] = frameIndex;
    this.#frames.set(face, at);
    if (body) this.#body.set(body); // without one, the bodies stay where they were last seen
    this.#frames.set(this.#body, at + BODY_OFFSET);
    this.#frames[at + BODY_PRESENCE] = body ? 1 : 0;
    if (frameIndex > this.#newest) this.#newest = frameIndex;
  }

  /** Forgets every frame and counter; the pose on screen blends to whatever comes next. */
  clear(): void {
    this.#indices.fill(-1);
    this.#newest = -1;
    this.#passed = -1;
    this.#lastSample = Number.NaN;
    this.#look.fresh = false;
    this.#cleared = true;
    this.#hushes.fill(undefined);
    Object.assign(this.#stats, { frames: 0, lateFrames: 0, heldFrames: 0 });
  }

  /**
   * Writes the pose at `atSample` (16 kHz clock, may be fractional) into `target` ({@link FRAME_NUMBERS}: faces [2, 51],
   * bodies [2, 75], presence of the bodies) and says how it was found.
   */
  sampleInto(target: Float32Array, atSample: number): Readonly<TimelineLook> {
    const look = this.#look;
    const position = (atSample * FRAME_RATE_HZ) / SAMPLE_RATE_HZ;
    this.#countHeld(position);
    const wasFresh = look.fresh;
    this.#poseInto(target, position);
    this.#hushInto(target, atSample);
    // The moment the source of the pose changes, what is on screen differs from it by an offset that then fades.
    if ((look.fresh && !wasFresh) || this.#cleared) {
      this.#cleared = false;
      for (let i = 0; i < FRAME_NUMBERS; i++) this.#offset[i] = this.#shown[i]! - target[i]!;
      // Bodies that were not seen have nowhere to glide from: only their presence grows.
      if (this.#shown[BODY_PRESENCE]! < 1e-3) this.#offset.fill(0, BODY_OFFSET, BODY_PRESENCE);
      this.#blending = true;
    } else if (this.#blending) this.#fade(atSample);
    if (this.#blending) for (let i = 0; i < FRAME_NUMBERS; i++) target[i]! += this.#offset[i]!;
    this.#shown.set(target);
    this.#lastSample = atSample;
    return look;
  }

  /**
   * Closes a person's lips from `fromSample` on, whatever the frames say, until `untilSample`: the moment up to which the
   * person had spoken when it was interrupted.
   */
  hush(person: number, fromSample: number, untilSample: number): void {
    this.#hushes[person] = { from: fromSample, until: Math.max(fromSample, untilSample) };
  }

  #hushInto(target: Float32Array, atSample: number) {
    for (let p = 0; p < PERSONS; p++) {
      const hush = this.#hushes[p];
      if (!hush || atSample < hush.from) continue;
      const since = (atSample - hush.until) / SAMPLE_RATE_HZ;
      if (since > UNHUSH_S) {
        this.#hushes[p] = undefined;
        continue;
      }
      const shut = Math.exp(-(Math.min(atSample, hush.until) - hush.from) / SAMPLE_RATE_HZ / HUSH_S);
      const keep = shut + (1 - shut) * Math.max(0, since / UNHUSH_S);
      for (const channel of SPEAKING) {
        const i = p * FACE_CHANNELS + channel;
        target[i] = this.#rest[i]! + (target[i]! - this.#rest[i]!) * keep;
      }
    }
  }

  #fade(atSample: number) {
    const elapsedS = Math.max(0, atSample - this.#lastSample) / SAMPLE_RATE_HZ;
    const keep = Math.exp(-elapsedS / BLEND_S);
    const keepBody = Math.exp(-elapsedS / BODY_BLEND_S);
    let largest = 0;
    for (let i = 0; i < FRAME_NUMBERS; i++) {
      this.#offset[i]! *= i < BODY_OFFSET ? keep : keepBody;
      largest = Math.max(largest, Math.abs(this.#offset[i]!));
    }
    if (largest < 1e-4) this.#blending = false;
  }

  #countHeld(position: number) {
    const passed = Math.floor(position);
    // Before the first frame nobody waits for one; a clock that ran back starts counting from there.
    if (this.#newest >= 0 && passed > this.#passed && this.#passed >= 0)
      this.#stats.heldFrames += Math.max(0, passed - Math.max(this.#passed, this.#newest));
    this.#passed = passed;
  }

  #poseInto(target: Float32Array, position: number) {
    const look = this.#look;
    const before = this.#find(Math.floor(position), -1);
    if (before < 0) {
      look.fresh = false;
      look.ageS = Number.POSITIVE_INFINITY;
      look.presence = 0;
      target.set(this.#rest);
      target.set(this.#body, BODY_OFFSET);
      return;
    }
    const from = (before % this.#capacity) * FRAME_NUMBERS;
    if (position > this.#newest) {
      look.fresh = false;
      look.ageS = (position - this.#newest) / FRAME_RATE_HZ;
      look.presence = 1 - smoothstep((look.ageS - HOLD_S) / EASE_S);
      for (let i = 0; i < FACE_NUMBERS; i++)
        target[i] = this.#rest[i]! + (this.#frames[from + i]! - this.#rest[i]!) * look.presence;
      // Bodies hold; what shows them eases by their presence.
      for (let i = BODY_OFFSET; i < BODY_PRESENCE; i++) target[i] = this.#frames[from + i]!;
      target[BODY_PRESENCE] = this.#frames[from + BODY_PRESENCE]! * look.presence;
      return;
    }
    look.fresh = true;
    look.ageS = 0;
    look.presence = 1;
    const after = this.#find(Math.ceil(position), 1);
    const to = (after % this.#capacity) * FRAME_NUMBERS;
    const share = after > before ? (position - before) / (after - before) : 0;
    for (let i = 0; i < FRAME_NUMBERS; i++) {
      const a = this.#frames[from + i]!;
      target[i] = a + (this.#frames[to + i]! - a) * share;
    }
  }

  /** The nearest kept frame from `index` on in `direction`, or −1. */
  #find(index: number, direction: -1 | 1): number {
    const oldest = Math.max(0, this.#newest - this.#capacity + 1);
    let k = direction < 0 ? Math.min(index, this.#newest) : Math.max(index, oldest);
    for (; k >= oldest && k <= this.#newest; k += direction)
      if (this.#indices[k % this.#capacity] === k) return k;
    return -1;
  }
}
