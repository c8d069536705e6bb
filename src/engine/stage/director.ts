import { MOUSE, PerspectiveCamera, Vector3 } from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import type { Duet } from './duet.ts';
import { type Shot, sideOf, type View, viewInto } from './shots.ts';

/** A change of shot takes so long; afterwards the camera follows people who move, back faster than near. */
const CHANGE_S = 1.1;
const FOLLOW_S = 0.45;
const NEARER_S = 1.4;
const SIDE_S = 2;
/** Limits of the camera in a hand: metres, and radians from the zenith. */
const NEAREST_M = 0.55;
const FURTHEST_M = 7;
const LOWEST_RAD = 1.62;
const HIGHEST_RAD = 0.25;
const OVER_FLOOR_M = 0.12;

const smootherstep = (x: number) => {
  const t = Math.min(1, Math.max(0, x));
  return t * t * t * (t * (6 * t - 15) + 10);
};
const makeView = (): View => ({ position: new Vector3(), target: new Vector3(), fieldDeg: 30 });
const moved = new Vector3();

/** Holds the camera: finds where each shot is seen from, follows people who move, goes over from shot to shot. */
export class Director {
  readonly camera = new PerspectiveCamera();
  readonly #duet: Duet;
  readonly #controls: OrbitControls;
  readonly #orbits: boolean;
  readonly #goal = makeView();
  readonly #now = makeView();
  readonly #from = makeView();
  readonly #middle = new Vector3();
  #shot: Shot = 'both';
  #before: Shot = 'both';
  #azimuthRad = 0;
  #changeS = Number.POSITIVE_INFINITY;
  #began = false;

  /** With `orbits` a drag over the canvas takes the camera in hand, and a double click gives it back. */
  constructor(duet: Duet, canvas: HTMLCanvasElement, orbits: boolean) {
    this.#duet = duet;
    this.#orbits = orbits;
    this.camera.near = 0.05;
    this.camera.far = 60;
    const controls = new OrbitControls(this.camera);
    controls.enableDamping = true;
    controls.dampingFactor = 0.08;
    controls.rotateSpeed = 0.6;
    controls.enablePan = false;
    controls.minDistance = NEAREST_M;
    controls.maxDistance = FURTHEST_M;
    controls.minPolarAngle = HIGHEST_RAD;
    controls.maxPolarAngle = LOWEST_RAD;
    controls.mouseButtons = { LEFT: MOUSE.ROTATE, MIDDLE: MOUSE.DOLLY };
    controls.addEventListener('start', this.#taken);
    this.#controls = controls;
    controls.domElement = canvas;
    this.#connect();
    if (orbits) canvas.addEventListener('dblclick', this.#givenBack);
  }

  /** What the picture shows. */
  get shot(): Shot {
    return this.#shot;
  }

  /** Goes over to another shot. */
  setShot(shot: Shot): void {
    if (shot === this.#shot) return;
    if (shot === 'free') {
      this.#before = this.#shot;
      this.#hold();
    }
    this.#shot = shot;
    this.#connect();
    this.#copy(this.#from, this.#now);
    this.#changeS = shot === 'free' ? Number.POSITIVE_INFINITY : 0;
  }

  /** The picture has another shape. */
  resize(aspect: number): void {
    this.camera.aspect = aspect;
    this.cut();
  }

  /** Goes to the shot at once. */
  cut(): void {
    this.#changeS = Number.POSITIVE_INFINITY;
    this.#began = false;
    this.follow(0);
  }

  /** Moves the camera on by `deltaS`; after the people have moved. */
  follow(deltaS: number): void {
    if (this.#shot === 'free' && this.#began) {
      this.#orbit(deltaS);
      return;
    }
    const shot = this.#shot === 'free' ? this.#before : this.#shot;
    const side = sideOf(this.#duet, this.#azimuthRad);
    this.#azimuthRad += (side - this.#azimuthRad) * (this.#began ? 1 - Math.exp(-deltaS / SIDE_S) : 1);
    viewInto(this.#goal, shot, this.#duet, this.camera.aspect, this.#azimuthRad);
    if (!this.#began) {
      this.#copy(this.#now, this.#goal);
      this.#began = true;
    } else if (this.#changeS < CHANGE_S) {
      this.#changeS += deltaS;
      this.#between(smootherstep(this.#changeS / CHANGE_S));
    } else this.#approach(deltaS);
    this.#show();
    if (this.#shot === 'free') this.#hold();
  }

  /** Lets go of the canvas. */
  dispose(): void {
    this.#controls.removeEventListener('start', this.#taken);
    this.#controls.domElement?.removeEventListener('dblclick', this.#givenBack);
    this.#controls.dispose();
  }

  #between(share: number) {
    this.#now.position.lerpVectors(this.#from.position, this.#goal.position, share);
    this.#now.target.lerpVectors(this.#from.target, this.#goal.target, share);
    this.#now.fieldDeg = this.#from.fieldDeg + (this.#goal.fieldDeg - this.#from.fieldDeg) * share;
  }

  /** Follows the goal; when that lies before the camera it takes its time, so that nobody leaves the picture. */
  #approach(deltaS: number) {
    const { position, target } = this.#now;
    moved.subVectors(target, position).normalize();
    const nearer = moved.dot(this.#goal.position) - moved.dot(position);
    const share = 1 - Math.exp(-deltaS / FOLLOW_S);
    position.lerp(this.#goal.position, share);
    if (nearer > 0) position.addScaledVector(moved, nearer * (1 - Math.exp(-deltaS / NEARER_S) - share));
    target.lerp(this.#goal.target, share);
    this.#now.fieldDeg += (this.#goal.fieldDeg - this.#now.fieldDeg) * share;
  }

  #show() {
    const { camera } = this;
    const { position, target, fieldDeg } = this.#now;
    camera.position.copy(position);
    camera.lookAt(target);
    camera.fov = fieldDeg;
    camera.updateProjectionMatrix();
    camera.updateMatrixWorld();
  }

  #orbit(deltaS: number) {
    const { target } = this.#controls;
    moved.copy(this.#middle);
    this.#duet.middleInto(this.#middle);
    moved.subVectors(this.#middle, moved);
    target.add(moved);
    this.camera.position.add(moved);
    this.#controls.update(deltaS);
    this.camera.position.y = Math.max(this.#duet.floorM + OVER_FLOOR_M, this.camera.position.y);
    this.camera.lookAt(target);
    this.camera.updateProjectionMatrix();
    this.#now.position.copy(this.camera.position);
    this.#now.target.copy(target);
  }

  /** The hand takes the camera as it is: it goes on around what is in the middle of the picture, as far as the people are. */
  #hold() {
    const { position, target } = this.#now;
    this.#duet.middleInto(this.#middle);
    moved.subVectors(target, position).normalize();
    const aheadM = Math.max(NEAREST_M, moved.dot(this.#middle) - moved.dot(position));
    this.#controls.target.copy(position).addScaledVector(moved, aheadM);
  }

  /** Until the camera is in a hand, wheel and upright drags are the page's. */
  #connect() {
    const { domElement } = this.#controls;
    if (!domElement) return;
    const free = this.#shot === 'free';
    this.#controls.disconnect();
    if (!free && !this.#orbits) return;
    this.#controls.connect(domElement);
    this.#controls.enableZoom = free;
    if (!free) domElement.style.touchAction = 'pan-y';
  }

  #copy(to: View, from: View) {
    to.position.copy(from.position);
    to.target.copy(from.target);
    to.fieldDeg = from.fieldDeg;
  }

  readonly #taken = () => {
    if (this.#shot === 'free') return;
    this.#before = this.#shot;
    this.#hold();
    this.#shot = 'free';
    this.#changeS = Number.POSITIVE_INFINITY;
    this.#controls.enableZoom = true;
    const { domElement } = this.#controls;
    if (domElement) domElement.style.touchAction = 'none';
  };

  readonly #givenBack = () => {
    if (this.#shot === 'free') this.setShot(this.#before);
  };
}
