// An emulated headset, and a stage to be seen in it: both anew for each test of a file that imports this.
import { metaQuest3, XRDevice } from 'iwer';
import { type Camera, Frustum, Matrix4, Vector3 } from 'three';
import { afterEach, beforeEach, vi } from 'vitest';
import { page } from 'vitest/browser';
import { type Character, type CharacterSource, loadCharacter } from '../../src/engine/stage/character.ts';
import { Stage, type StageOptions } from '../../src/engine/stage/stage.ts';
import { XrView } from '../../src/engine/stage/xr.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { makeTinyVrm } from './tiny-vrm.ts';

export const STANDING_M = 1.6;
export const DEGREE = Math.PI / 180;

export let device: XRDevice;
export let stage: Stage;
export let view: XrView | undefined;

export const wear = (config = metaQuest3) => {
  device = new XRDevice(config, { stereoEnabled: true, ipd: 0.063, fovy: 1.6 });
  device.installRuntime({ forceInstall: true });
  device.position.set(0.2, STANDING_M, 0.1);
};

beforeEach(async () => {
  await page.viewport(320, 160); // the emulated headset draws as large as the page
  wear();
});

afterEach(async () => {
  await view?.end();
  view = undefined;
  stage.dispose();
  device.uninstallRuntime();
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

export const makeStage = async (
  sources: readonly [CharacterSource, CharacterSource] = [makeTinyVrm({}), makeTinyVrm({})],
  options: Partial<StageOptions> = {},
) => {
  const characters: [Character, Character] = [
    await loadCharacter(sources[0]),
    await loadCharacter(sources[1]),
  ];
  const container = document.createElement('div');
  container.style.cssText = 'width:200px;height:120px';
  document.body.append(container);
  stage = new Stage({ container, characters, timeline: new Timeline(), maxPixelRatio: 1, ...options });
  stage.start(() => 0);
};

export const enter = async (
  ...args: Parameters<typeof XrView.open> extends [unknown, ...infer Rest] ? Rest : never
) => {
  view = await XrView.open(stage.hostXr(), ...args);
  await pictures(3);
  return view;
};

/** So many pictures of the headset have been drawn. */
export const pictures = async (count: number) => {
  for (let i = 0; i < count; i++)
    await new Promise<void>((resolve) => view?.session.requestAnimationFrame(() => resolve()));
};

export const seconds = (s: number) => new Promise((resolve) => setTimeout(resolve, 1000 * s));
export const eyes = () => stage.renderer.xr.getCamera().cameras;
export const eyeOf = (person: 0 | 1) => stage.duet.eyeInto(new Vector3(), person);
export const boneAt = (
  person: 0 | 1,
  name: 'leftFoot' | 'rightFoot' | 'rightHand' | 'rightLowerArm' | 'hips',
) => stage.characters[person].vrm.humanoid.getRawBoneNode(name)!.getWorldPosition(new Vector3());
export const seenBy = (camera: Camera, place: Vector3) =>
  new Frustum()
    .setFromProjectionMatrix(
      new Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse),
    )
    .containsPoint(place);
export const flat = (v: Vector3) => v.clone().setY(0);
/** Where a person's left eye looks, in the world. */
export const gazeOf = (person: 0 | 1) =>
  new Vector3(0, 0, 1).transformDirection(
    stage.characters[person].vrm.humanoid.getRawBoneNode('leftEye')!.matrixWorld,
  );
export const gazeOffRad = (person: 0 | 1, at: Vector3) =>
  gazeOf(person).angleTo(at.clone().sub(eyeOf(person)));
export const lookUp = (rad: number) => device.quaternion.set(Math.sin(rad / 2), 0, 0, Math.cos(rad / 2));

/** The headset's picture as it is drawn now. */
export const pixels = () =>
  new Promise<Uint8ClampedArray>((resolve) =>
    view!.session.requestAnimationFrame(() => {
      const { canvas } = stage;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
      copy.drawImage(canvas, 0, 0);
      resolve(copy.getImageData(0, 0, canvas.width, canvas.height).data);
    }),
  );
