import { type Object3D, Quaternion, Vector3 } from 'three';
import type { Character } from './character.ts';
import { eyeInto } from './person.ts';

/** Positions glide to the next picture's within this time, so that no step is heard. */
const GLIDE_S = 0.02;
const FADE_S = 0.05;
/** The mouth lies so far under the eyes (m). */
const UNDER_EYES_M = 0.075;

const quaternion = new Quaternion();
const place = new Vector3();
const ahead = new Vector3();
const upwards = new Vector3();

type Way = {
  readonly input: GainNode;
  readonly flat: GainNode;
  readonly wet: GainNode;
  panner: PannerNode | null;
};

/**
 * What is heard of the two voices: mixed flat, or each from the mouth of the person who speaks (HRTF), heard by whoever wears
 * the headset. Connect a person's voice, delayed as it is, to {@link input}.
 */
export class Mouths {
  readonly #context: AudioContext;
  readonly #ways: readonly [Way, Way];

  constructor(context: AudioContext, output: AudioNode = context.destination) {
    this.#context = context;
    const way = (): Way => {
      const input = new GainNode(context);
      const flat = new GainNode(context);
      const wet = new GainNode(context, { gain: 0 });
      input.connect(flat).connect(output);
      wet.connect(output);
      return { input, flat, wet, panner: null };
    };
    this.#ways = [way(), way()];
  }

  /** Where a person's voice goes in. */
  input(person: 0 | 1): AudioNode {
    return this.#ways[person].input;
  }

  /** The panner of a person who is heard from the mouth. */
  panner(person: 0 | 1): PannerNode | null {
    return this.#ways[person].panner;
  }

  /** Lets a person be heard from the mouth, or flat again. */
  setSpatial(person: 0 | 1, spatial: boolean): void {
    const way = this.#ways[person];
    if (spatial === (way.panner !== null)) return;
    const now = this.#context.currentTime;
    way.flat.gain.setTargetAtTime(spatial ? 0 : 1, now, FADE_S / 3);
    way.wet.gain.setTargetAtTime(spatial ? 1 : 0, now, FADE_S / 3);
    if (!spatial) {
      const { panner } = way;
      way.panner = null;
      // Heard until it has faded.
      setTimeout(() => {
        if (panner) way.input.disconnect(panner);
        panner?.disconnect();
      }, 2000 * FADE_S);
      return;
    }
    // A voice is weaker behind the head of who speaks (Chu & Warnock 2002: 5 to 10 dB).
    way.panner = new PannerNode(this.#context, {
      panningModel: 'HRTF',
      distanceModel: 'inverse',
      refDistance: 1,
      rolloffFactor: 1,
      coneInnerAngle: 120,
      coneOuterAngle: 300,
      coneOuterGain: 0.45,
    });
    way.input.connect(way.panner).connect(way.wet);
  }

  /** Moves the voice of a person to the mouth; nothing while the person is heard flat. */
  speak(person: 0 | 1, character: Character): void {
    const { panner } = this.#ways[person];
    if (!panner) return;
    const head = character.bone('head') ?? character.vrm.scene;
    head.getWorldQuaternion(quaternion);
    eyeInto(place, character).add(upwards.set(0, -UNDER_EYES_M, 0).applyQuaternion(quaternion));
    ahead.set(0, 0, character.facesMinusZ ? -1 : 1).applyQuaternion(quaternion);
    const now = this.#context.currentTime;
    const { positionX, positionY, positionZ, orientationX, orientationY, orientationZ } = panner;
    glide(now, positionX, positionY, positionZ, place);
    glide(now, orientationX, orientationY, orientationZ, ahead);
  }

  /** Moves the ears to the headset. */
  listen(headset: Object3D): void {
    headset.getWorldPosition(place);
    headset.getWorldQuaternion(quaternion);
    ahead.set(0, 0, -1).applyQuaternion(quaternion);
    upwards.set(0, 1, 0).applyQuaternion(quaternion);
    const { listener, currentTime } = this.#context;
    if (!listener.positionX) {
      // Firefox has the older members only.
      listener.setPosition(place.x, place.y, place.z);
      listener.setOrientation(ahead.x, ahead.y, ahead.z, upwards.x, upwards.y, upwards.z);
      return;
    }
    glide(currentTime, listener.positionX, listener.positionY, listener.positionZ, place);
    glide(currentTime, listener.forwardX, listener.forwardY, listener.forwardZ, ahead);
    glide(currentTime, listener.upX, listener.upY, listener.upZ, upwards);
  }

  /** Takes both voices away. */
  dispose(): void {
    for (const { input, flat, wet, panner } of this.#ways)
      for (const node of [input, flat, wet, panner]) node?.disconnect();
  }
}

function glide(now: number, x: AudioParam, y: AudioParam, z: AudioParam, to: Readonly<Vector3>) {
  x.setTargetAtTime(to.x, now, GLIDE_S);
  y.setTargetAtTime(to.y, now, GLIDE_S);
  z.setTargetAtTime(to.z, now, GLIDE_S);
}
