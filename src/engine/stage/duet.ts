import { Group, type Object3D, Vector3 } from 'three';
import { type PlacedRoot, type Placement, placementOf } from '../body/placement.ts';
import { PERSONS } from '../motion.ts';
import { BODY_PRESENCE, FRAME_NUMBERS, type Timeline } from '../timeline.ts';
import type { Character } from './character.ts';
import type { LookTarget } from './look.ts';
import { aimEyes, eyeInto, makePerson, type Person, sense, standAt } from './person.ts';
import { FULL, type Intensity } from './puppet.ts';
import { calmExpression } from './retarget.ts';
import { Seats, type Stand } from './seats.ts';
import type { Guest } from './xr-guest.ts';

/** What two people on a stage are made from. */
export type DuetOptions = {
  /** Person 0 stands on the left, person 1 on the right; the duet disposes of them. */
  readonly characters: readonly [Character, Character];
  readonly timeline: Timeline;
  /** How the two began to stand in the motion, default vis-à-vis. */
  readonly placement?: Placement;
  /** How much of the motion is shown, of both or of each; default all. */
  readonly intensity?: Intensity | readonly [Intensity, Intensity];
  /** The same seed gives the same procedural life. */
  readonly seed?: number;
};

/** What is changed for the sake of a flat picture, as in a theatre; {@link LIFE_SIZE} changes nothing. */
export type Theatre = {
  /** The distance of the two as a share of the true one. */
  readonly squeeze: number;
  /** Each is turned from the partner to the viewer at least so far (rad). */
  readonly openRad: number;
  /** Each looks so far (m) before the partner's eyes, which opens faces to the viewer. */
  readonly cheatM: number;
};

/** True distances and facings: for XR, and for scenes that are walked around in. */
export const LIFE_SIZE: Theatre = { squeeze: 1, openRad: 0, cheatM: 0 };

const LONGEST_STEP_S = 0.25;
/** Hips of the reference person this low sit, and this high stand. */
const SITTING_M = 0.55;
const STANDING_M = 0.82;
/** Hips come no closer than this to those of the partner, whatever the theatre does to the distance. */
const LEAST_HIPS_M = 0.62;
/** Bodies change between the networks' motion and procedural life within this time. */
const BODY_EASE_S = 0.9;
/** Whoever walks faster than this goes where the motion goes: the turn to the viewer ends, and comes back slowly. */
const WALKING_MPS = 0.25;
const PACE_S = 0.25;
const CLOSE_RADPS = 1.6;
const REOPEN_RADPS = 0.06;

const partnerAt = new Vector3();
const viewerAt = new Vector3();
const toViewer = new Vector3();
const hipsAt = new Vector3();
const otherAt = new Vector3();
const eyesAt = [new Vector3(), new Vector3()] as const;

/** How a person stands on the stage at the moment. */
type Standing = { openRad: number; paceMps: number; x: number; z: number };

/**
 * Two people in one {@link Group}, without renderer, camera or page: shows the timeline on their bones and faces, adds
 * procedural life, and lets them see each other. Life-size and at true distances unless {@link theatre} says otherwise.
 * Allocates nothing per frame.
 */
export class Duet {
  /** Add it to a scene; it may be moved and turned as a whole. */
  readonly group = new Group();
  readonly timeline: Timeline;
  readonly #characters: [Character, Character];
  readonly #persons: [Person, Person];
  readonly #seats = new Seats();
  readonly #seed: number;
  readonly #home: readonly [PlacedRoot, PlacedRoot];
  readonly #pose = new Float32Array(FRAME_NUMBERS);
  readonly #standing: readonly [Standing, Standing];
  #theatre = LIFE_SIZE;
  readonly #stand: Stand = { x: 0, z: 0, yaw: 0, hipsM: 1, size: 1, down: 0, seated: false };
  readonly #shown: { -readonly [K in keyof Intensity]: Intensity[K] } = { ...FULL };
  #bodyShare = 0;
  /** How far each has been moved off the other, so that they do not run into each other. */
  #partedM = 0;
  #sitting = 0;
  #lastS = Number.NaN;
  readonly #guests: [Guest | null, Guest | null] = [null, null];
  #springsS = 0;
  #disposed = false;

  /** Springs and expressions move on at most so often (Hz), bones at every update; default as often as the picture. */
  springsHz = Number.POSITIVE_INFINITY;

  constructor({ characters, timeline, placement = 'vis-a-vis', intensity = FULL, seed = 1 }: DuetOptions) {
    this.timeline = timeline;
    this.#home = placementOf(placement);
    this.#characters = [...characters];
    this.#seed = seed;
    this.#persons = [
      makePerson(characters[0], 0, seed, this.#home[0]),
      makePerson(characters[1], 1, seed, this.#home[1]),
    ];
    for (const person of this.#persons)
      person.intensity.set('face' in intensity ? intensity : intensity[person.index], true);
    const standing = () => ({ openRad: 0, paceMps: 0, x: Number.NaN, z: Number.NaN });
    this.#standing = [standing(), standing()];
    this.group.add(this.#seats.group);
    for (const { character } of this.#persons) this.group.add(character.vrm.scene);
    this.theatre = LIFE_SIZE;
  }

  /** The two. */
  get characters(): readonly [Character, Character] {
    return this.#characters;
  }

  /** Where the two began: hips over the floor of the group in true metres, and facing. */
  get home(): readonly [Readonly<PlacedRoot>, Readonly<PlacedRoot>] {
    return this.#home;
  }

  /** How far the two have sat down on the average, 0 standing … 1 seated. */
  get sitting(): number {
    return this.#sitting;
  }

  /** Writes where a person's hips are in the world. */
  hipsInto(target: Vector3, person: 0 | 1): Vector3 {
    return this.#persons[person].hips.getWorldPosition(target);
  }

  /** Writes the point between a person's eyes in the world. */
  eyeInto(target: Vector3, person: 0 | 1): Vector3 {
    return eyeInto(target, this.#characters[person]);
  }

  /** Writes the middle of the two in the world, at the height of their chests. */
  middleInto(target: Vector3): Vector3 {
    target.set(0, 0, 0);
    for (const person of [0, 1] as const)
      target.add(this.eyeInto(otherAt, person)).add(this.hipsInto(hipsAt, person));
    return target.multiplyScalar(1 / (2 * PERSONS));
  }

  /** Writes the point between the faces of the two in the world. */
  facesInto(target: Vector3): Vector3 {
    return this.eyeInto(target, 0).add(this.eyeInto(otherAt, 1)).multiplyScalar(0.5);
  }

  /** Distance of the two in the world, hips to hips. */
  get spreadM(): number {
    return this.hipsInto(hipsAt, 0).distanceTo(this.hipsInto(otherAt, 1));
  }

  /** Height of the floor in the world. */
  get floorM(): number {
    return this.group.matrixWorld.elements[13]!;
  }

  /** What is changed for the sake of a flat picture; takes effect at once. */
  get theatre(): Theatre {
    return this.#theatre;
  }

  set theatre(theatre: Theatre) {
    this.#theatre = theatre;
    for (const person of this.#persons) {
      this.#standing[person.index].openRad = this.#openRad();
      this.#place(person);
      person.character.vrm.springBoneManager?.reset();
    }
  }

  /** Whether soft contact shadows lie on the floor under people and chairs; default yes. */
  set contactShadows(shown: boolean) {
    this.#seats.shadows = shown;
  }

  /** How much a person shows of its motion, from now on and softly. */
  setIntensity(person: 0 | 1, intensity: Intensity): void {
    this.#persons[person].intensity.set(intensity);
  }

  /** Whom or what a person looks at, from now on. */
  setLook(person: 0 | 1, target: LookTarget): void {
    this.#persons[person].focus.set(target);
  }

  /**
   * Whether a person is asked to sit: a chair comes, the person sits on it while there is no motion, and begins a motion
   * seated. While there is motion, the motion sits down and gets up.
   */
  setSeated(person: 0 | 1, seated: boolean): void {
    this.#persons[person].seated.asked = seated;
  }

  /** Puts another character in a person's place, which goes on with its life, and disposes of the one that stood there. */
  setCharacter(person: 0 | 1, character: Character): void {
    if (this.#disposed) {
      character.dispose();
      return;
    }
    const old = this.#persons[person];
    const { life, focus, intensity, seated } = old;
    const made = makePerson(character, person, this.#seed, this.#home[person]);
    made.around.intensity = intensity.now;
    const next = { ...made, life, focus, intensity, seated };
    this.group.add(character.vrm.scene);
    this.#persons[person] = next;
    this.#characters[person] = character;
    old.character.dispose();
    this.#place(next);
    character.vrm.springBoneManager?.reset();
  }

  /** Gives a person's place to somebody, whom the head follows and the partner looks at; null gives it back. */
  inhabit(person: 0 | 1, guest: Guest | null): void {
    this.#guests[person] = guest;
  }

  /**
   * Shows the moment `atSample` of the 16 kHz clock; `nowS` moves procedural life on and must not run back. `viewer` is who
   * watches, in the world: a camera, a headset, or a place.
   */
  update(atSample: number, nowS: number, viewer: Object3D | Readonly<Vector3>): void {
    if (this.#disposed) return;
    const deltaS = Number.isNaN(this.#lastS) ? 0 : Math.min(LONGEST_STEP_S, Math.max(0, nowS - this.#lastS));
    this.#lastS = nowS;
    if ('isObject3D' in viewer) viewer.getWorldPosition(viewerAt);
    else viewerAt.copy(viewer);
    const moving = this.timeline.sampleInto(this.#pose, atSample).presence > 0.5;
    const most = deltaS / BODY_EASE_S;
    this.#bodyShare += Math.min(most, Math.max(-most, this.#pose[BODY_PRESENCE]! - this.#bodyShare));
    const share = this.#bodyShare * this.#bodyShare * (3 - 2 * this.#bodyShare);
    this.#sense(deltaS, moving, share);
    for (const person of this.#persons) this.#move(person, deltaS, share);
    this.#settle(deltaS, share);
    this.#springsS += deltaS;
    const due = this.#springsS * this.springsHz > 0.9 || deltaS === 0;
    for (const person of this.#persons) {
      const { index, life, character, offset } = person;
      aimEyes(person);
      this.#guests[index]?.apply(person, this.group, deltaS);
      const { eyeYawRad, eyePitchRad, eyeVergenceRad } = life.pose;
      character.face.look(this.#pose, offset, eyeYawRad, eyePitchRad, eyeVergenceRad);
      if (due) character.update(this.#springsS, this.#pose, offset);
      else character.vrm.humanoid.update();
    }
    if (due) this.#springsS = 0;
  }

  /** Frees the characters and what they stand and sit on, and takes the group out of its scene. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const character of this.#characters) character.dispose();
    this.#seats.dispose();
    this.group.removeFromParent();
  }

  #sense(deltaS: number, moving: boolean, share: number) {
    for (const { index, character } of this.#persons)
      this.#guests[index]?.eyeInto(eyesAt[index]) ?? eyeInto(eyesAt[index], character);
    for (const self of this.#persons) {
      const other = this.#persons[self.index === 0 ? 1 : 0];
      self.eye.copy(eyesAt[self.index]);
      partnerAt.copy(eyesAt[other.index]);
      if (this.#theatre.cheatM > 0) {
        toViewer.subVectors(viewerAt, partnerAt).setY(0).normalize();
        partnerAt.addScaledVector(toViewer, this.#theatre.cheatM);
      }
      self.focus.update(deltaS, partnerAt, viewerAt);
      self.around.steady = !self.focus.wanders;
      self.around.partnerActivity = other.life.activity;
      self.around.moving = moving;
      sense(self, viewerAt, this.#pose, share);
    }
  }

  /** Bones and face of a person for this instant. */
  #move(person: Person, deltaS: number, share: number) {
    const { index, life, pose, puppet, offset, bodyOffset, around, seated, intensity } = person;
    intensity.update(deltaS);
    const { face, hands, body } = intensity.now;
    calmExpression(this.#pose, offset, face);
    life.update(deltaS, this.#pose, offset, around);
    pose.apply(life.pose);
    const shown = seated.apply(this.#pose, bodyOffset, deltaS, share, body);
    if (shown <= 0) return;
    // Who is held on a seat does not move: hands stay in the lap at any intensity.
    const still = seated.hold;
    const much = this.#shown;
    much.hands = Math.max(hands, still);
    much.body = Math.max(body, still);
    puppet.apply(this.#pose, bodyOffset, this.#home[index], shown, life.pose.breath, much);
  }

  /** Where each stands: room between the two, shadows and chairs under them. */
  #settle(deltaS: number, share: number) {
    const [a, b] = this.#persons;
    for (const person of this.#persons) this.#turn(person, deltaS, share);
    for (const person of this.#persons) this.#place(person);
    this.group.worldToLocal(a.hips.getWorldPosition(hipsAt));
    this.group.worldToLocal(b.hips.getWorldPosition(otherAt));
    const apartM = hipsAt.distanceTo(otherAt) - 2 * this.#partedM;
    const partM = Math.max(0, (LEAST_HIPS_M - apartM) / 2);
    this.#partedM += (partM - this.#partedM) * Math.min(1, 4 * deltaS);
    this.#sitting = 0;
    for (const person of this.#persons) this.#ground(person, deltaS, share);
  }

  /** Shadows and a chair under a person. */
  #ground(
    { index, puppet, bodyOffset, hips, feet, character, seated }: Person,
    deltaS: number,
    share: number,
  ) {
    const shown = 1 - (1 - share) * (1 - seated.hold);
    const height = this.#pose[bodyOffset + 1]!;
    const down = Math.min(1, Math.max(0, (STANDING_M - height) / (STANDING_M - SITTING_M))) * shown;
    this.#sitting += down / PERSONS;
    const stand = this.#stand;
    this.group.worldToLocal(hips.getWorldPosition(hipsAt));
    const flip = character.facesMinusZ ? Math.PI : 0;
    const turned = shown * (this.#pose[bodyOffset + 3]! - this.#home[index].yaw);
    stand.x = hipsAt.x;
    stand.z = hipsAt.z;
    stand.yaw = character.vrm.scene.rotation.y - flip + turned;
    stand.hipsM = hipsAt.y;
    stand.size = puppet.scale;
    stand.down = down;
    stand.seated = seated.asked;
    this.#seats.update(index, stand, deltaS);
    for (const foot of [0, 1] as const) {
      const bone = feet[foot];
      if (!bone) continue;
      this.group.worldToLocal(bone.getWorldPosition(hipsAt));
      const heightM = hipsAt.y - 0.09 * puppet.scale;
      const ahead = 0.06 * puppet.scale;
      this.#seats.foot(
        index,
        foot,
        hipsAt.x + ahead * Math.sin(stand.yaw),
        heightM,
        hipsAt.z + ahead * Math.cos(stand.yaw),
        stand.yaw,
        puppet.scale,
      );
    }
  }

  /** Who walks turns to where the motion goes; who stands opens to the viewer, too slowly for feet to be seen turning. */
  #turn({ index, bodyOffset }: Person, deltaS: number, share: number) {
    const standing = this.#standing[index];
    const x = this.#pose[bodyOffset]!;
    const z = this.#pose[bodyOffset + 2]!;
    if (deltaS > 0) {
      const movedM = Number.isNaN(standing.x) ? 0 : share * Math.hypot(x - standing.x, z - standing.z);
      standing.paceMps += (movedM / deltaS - standing.paceMps) * (1 - Math.exp(-deltaS / PACE_S));
    }
    standing.x = x;
    standing.z = z;
    if (standing.paceMps > WALKING_MPS)
      standing.openRad = Math.max(0, standing.openRad - CLOSE_RADPS * deltaS);
    else standing.openRad = Math.min(this.#openRad(), standing.openRad + REOPEN_RADPS * deltaS);
  }

  /** How far people who stand are turned to the viewer more than the placement has it. */
  #openRad() {
    return Math.max(0, this.#theatre.openRad - (Math.PI / 2 - this.#home[0].yaw));
  }

  #place(person: Person) {
    const { index } = person;
    const side = index === 0 ? -1 : 1;
    const home = this.#home[index];
    const guest = this.#guests[index];
    const x = home.x * this.#theatre.squeeze + side * this.#partedM + (guest?.x ?? 0);
    const z = home.z + (guest?.z ?? 0);
    standAt(person, home, x, z, side * this.#standing[index].openRad + (guest?.yaw ?? 0));
  }
}
