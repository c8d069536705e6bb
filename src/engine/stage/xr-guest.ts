import { type Group, type Object3D, Quaternion, Vector3 } from 'three';
import { NECK_SHARE } from '../body/skeleton.ts';
import { eyeInto, type Person } from './person.ts';
import { Limbs, type Palm } from './xr-limbs.ts';

/** The body goes after the head within this time; it turns later than the head, as people do. */
const STEP_S = 0.1;
const TURN_S = 0.35;
/** The head turns so far (rad) against the chest before the body comes along, and at most this far. */
const FREE_RAD = 0.6;
const FURTHEST_RAD = 1.4;
/** Further than this (m) from its own motion no body follows: beyond, the guest has left it. */
const REACH_M = 2.5;

const BACK = new Quaternion(0, 1, 0, 0);
const NONE = new Quaternion();
const head = new Quaternion();
const parent = new Quaternion();
const turn = new Quaternion();
const ahead = new Vector3();
const seen = new Vector3();
const own = new Vector3();

/**
 * Somebody with a headset in the place of one of the two: the head bone takes the headset's pose, the body follows it over the
 * floor, turns after it and bends its knees, and arms reach for where the hands are. What is not tracked, and the face, goes
 * on as the motion has it. Give it to `Duet.inhabit`.
 */
export class Guest {
  /** How far the body stands (m) and is turned (rad) off where the motion has it, in the frame of the two. */
  x = 0;
  z = 0;
  yaw = 0;
  readonly #head: Object3D;
  readonly #limbs = new Limbs();

  /** `head` is the headset's camera, or whatever else looks along its own −z from between the guest's eyes. */
  constructor(head: Object3D) {
    this.#head = head;
  }

  /** Where the guest's hands are; whoever knows writes it before each update. */
  get palms(): { readonly left: Palm; readonly right: Palm } {
    return this.#limbs.palms;
  }

  /** Writes where the guest's eyes are, in the world. */
  eyeInto(target: Vector3): Vector3 {
    return this.#head.getWorldPosition(target);
  }

  /** Called when body and face of this instant are set: turns the head, and says how the body must follow. */
  apply(person: Person, group: Group, deltaS: number): void {
    this.#head.getWorldQuaternion(head);
    this.#follow(person, group, deltaS);
    this.#limbs.crouch(person.character, own.y, own.y - seen.y, deltaS);
    this.#turnHead(person);
    ahead.set(0, 0, person.character.facesMinusZ ? -1 : 1);
    ahead.applyQuaternion(person.chest.getWorldQuaternion(parent)).setY(0).normalize();
    this.#limbs.reach(person.character, ahead, deltaS);
  }

  #follow({ character }: Person, group: Group, deltaS: number) {
    group.worldToLocal(this.eyeInto(seen));
    group.worldToLocal(eyeInto(own, character));
    const gain = 1 - Math.exp(-deltaS / STEP_S);
    this.x += gain * (seen.x - own.x);
    this.z += gain * (seen.z - own.z);
    const far = Math.hypot(this.x, this.z);
    if (far > REACH_M) {
      this.x *= REACH_M / far;
      this.z *= REACH_M / far;
    }
    // Where the guest looks, over the floor of the two.
    ahead.set(0, 0, -1).applyQuaternion(head);
    if (Math.hypot(ahead.x, ahead.z) < 0.2) return;
    ahead.applyQuaternion(group.getWorldQuaternion(parent).invert());
    const body = character.vrm.scene.rotation.y - (character.facesMinusZ ? Math.PI : 0);
    const off = wrap(Math.atan2(ahead.x, ahead.z) - body);
    const over = off - Math.min(FREE_RAD, Math.max(-FREE_RAD, off));
    this.yaw += (1 - Math.exp(-deltaS / TURN_S)) * over;
  }

  /** The head bone looks where the guest looks; the neck goes its share of the way. */
  #turnHead({ character }: Person) {
    const bone = character.bone('head');
    if (!bone?.parent) return;
    // A camera looks along −z, a normalised head along +z, or −z in VRM 0.x.
    if (!character.facesMinusZ) head.multiply(BACK);
    const neck = character.bone('neck');
    const base = neck === bone.parent ? neck.parent : bone.parent;
    if (!base) return;
    turn.copy(base.getWorldQuaternion(parent).invert()).multiply(head);
    const much = NONE.angleTo(turn);
    if (much > FURTHEST_RAD) turn.slerp(NONE, 1 - FURTHEST_RAD / much);
    if (neck === bone.parent) {
      neck.quaternion.identity().slerp(turn, NECK_SHARE);
      bone.quaternion.copy(neck.quaternion).invert().multiply(turn);
    } else bone.quaternion.copy(turn);
  }
}

const wrap = (rad: number) => rad - 2 * Math.PI * Math.round(rad / (2 * Math.PI));
