import { metaQuest3, XRDevice } from 'iwer';
import {
  type Camera,
  Frustum,
  Matrix4,
  type Mesh,
  MeshBasicMaterial,
  PerspectiveCamera,
  Vector3,
} from 'three';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { type Character, type CharacterSource, loadCharacter } from '../../src/engine/stage/character.ts';
import { LIFE_SIZE } from '../../src/engine/stage/duet.ts';
import { Stage, type StageOptions } from '../../src/engine/stage/stage.ts';
import { XrView } from '../../src/engine/stage/xr.ts';
import { HiddenHead } from '../../src/engine/stage/xr-head.ts';
import { Mouths } from '../../src/engine/stage/xr-mouths.ts';
import { isXrSupported } from '../../src/engine/stage/xr-session.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { EngineError } from '../../src/errors.ts';
import { Headset } from '../../src/headset.ts';
import type { Seen } from '../../src/seen.ts';
import { editGlb, type GltfJson } from '../glb.ts';
import { makeTinyVrm } from './tiny-vrm.ts';

const STANDING_M = 1.6;
const DEGREE = Math.PI / 180;

let device: XRDevice;
let stage: Stage;
let view: XrView | undefined;

const wear = (config = metaQuest3) => {
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

const makeStage = async (
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

const enter = async (
  ...args: Parameters<typeof XrView.open> extends [unknown, ...infer Rest] ? Rest : never
) => {
  view = await XrView.open(stage.hostXr(), ...args);
  await pictures(3);
  return view;
};

/** So many pictures of the headset have been drawn. */
const pictures = async (count: number) => {
  for (let i = 0; i < count; i++)
    await new Promise<void>((resolve) => view?.session.requestAnimationFrame(() => resolve()));
};

const seconds = (s: number) => new Promise((resolve) => setTimeout(resolve, 1000 * s));
const eyes = () => stage.renderer.xr.getCamera().cameras;
const eyeOf = (person: 0 | 1) => stage.duet.eyeInto(new Vector3(), person);
const boneAt = (person: 0 | 1, name: 'leftFoot' | 'rightFoot' | 'rightHand' | 'rightLowerArm' | 'hips') =>
  stage.characters[person].vrm.humanoid.getRawBoneNode(name)!.getWorldPosition(new Vector3());
const seenBy = (camera: Camera, place: Vector3) =>
  new Frustum()
    .setFromProjectionMatrix(
      new Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse),
    )
    .containsPoint(place);
const flat = (v: Vector3) => v.clone().setY(0);
/** Where a person's left eye looks, in the world. */
const gazeOf = (person: 0 | 1) =>
  new Vector3(0, 0, 1).transformDirection(
    stage.characters[person].vrm.humanoid.getRawBoneNode('leftEye')!.matrixWorld,
  );
const gazeOffRad = (person: 0 | 1, at: Vector3) => gazeOf(person).angleTo(at.clone().sub(eyeOf(person)));
const lookUp = (rad: number) => device.quaternion.set(Math.sin(rad / 2), 0, 0, Math.cos(rad / 2));

/** The headset's picture as it is drawn now. */
const pixels = () =>
  new Promise<Uint8ClampedArray>((resolve) =>
    view!.session.requestAnimationFrame(() => {
      const { canvas } = stage;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
      copy.drawImage(canvas, 0, 0);
      resolve(copy.getImageData(0, 0, canvas.width, canvas.height).data);
    }),
  );
const greenOf = (data: Uint8ClampedArray) => {
  let count = 0;
  for (let i = 0; i < data.length; i += 4)
    count += Number(data[i + 1]! > 200 && data[i]! < 60 && data[i + 2]! < 60);
  return count;
};

describe('the stage in a headset', { timeout: 60_000 }, () => {
  test('watches: life-size, floor at the feet, both in view; then the page is as before', async () => {
    await makeStage(['/models/ada.vrm', '/models/bo.vrm']);
    await seconds(0.3);
    const { camera, renderer, duet } = stage;
    const before = {
      projection: camera.projectionMatrix.toArray(),
      ratio: renderer.getPixelRatio(),
      size: [stage.canvas.width, stage.canvas.height],
      parent: stage.canvas.parentElement,
      theatre: duet.theatre,
      children: stage.hostXr().scene.children.length,
      background: stage.hostXr().scene.background,
      visible: stage.hostXr().walls.map((wall) => wall.visible),
    };
    const stood = camera.position.clone();
    expect(duet.theatre.squeeze).toBeLessThan(1);
    const xr = await enter({ mode: 'vr' });
    expect(renderer.xr.isPresenting).toBe(true);
    expect(duet.theatre).toBe(LIFE_SIZE);
    // The headset's height over the real floor is its height over the floor of the two.
    expect(xr.headset.position.y - duet.floorM).toBeCloseTo(STANDING_M, 3);
    for (const person of [0, 1] as const) {
      const { eyeHeightM } = stage.characters[person];
      expect(Math.abs(eyeOf(person).y - eyeHeightM)).toBeLessThan(0.03);
      for (const side of ['leftFoot', 'rightFoot'] as const) {
        expect(boneAt(person, side).y).toBeGreaterThan(0.02);
        expect(boneAt(person, side).y).toBeLessThan(0.15);
      }
      for (const eye of eyes())
        for (const place of [eyeOf(person), boneAt(person, 'hips')]) expect(seenBy(eye, place)).toBe(true);
    }
    expect(eyes()).toHaveLength(2);
    const apart = new Vector3().setFromMatrixPosition(eyes()[0]!.matrixWorld);
    expect(apart.distanceTo(new Vector3().setFromMatrixPosition(eyes()[1]!.matrixWorld))).toBeCloseTo(
      0.063,
      3,
    );
    expect(duet.spreadM).toBeGreaterThan(1.15); // vis-à-vis is 1.2 m
    expect(duet.spreadM).toBeLessThan(1.25);
    const from = xr.headset.position.clone();
    device.position.x += 0.4;
    device.position.y -= 0.3;
    await pictures(2);
    expect(xr.headset.position.distanceTo(from)).toBeCloseTo(0.5, 3);

    await xr.end();
    view = undefined;
    const drawn = renderer.info.render.frame;
    await vi.waitFor(() => expect(renderer.info.render.frame).toBeGreaterThan(drawn + 1), 3000);
    expect(renderer.xr.enabled).toBe(false);
    expect(renderer.xr.isPresenting).toBe(false);
    expect(duet.theatre).toEqual(before.theatre);
    expect(camera.position.distanceTo(stood)).toBeLessThan(0.05); // it follows people who sway
    expect({
      projection: camera.projectionMatrix.toArray(),
      ratio: renderer.getPixelRatio(),
      size: [stage.canvas.width, stage.canvas.height],
      parent: stage.canvas.parentElement,
      theatre: duet.theatre,
      children: stage.hostXr().scene.children.length,
      background: stage.hostXr().scene.background,
      visible: stage.hostXr().walls.map((wall) => wall.visible),
    }).toEqual(before);
  });

  test('people look at the headset when asked to', async () => {
    await makeStage();
    stage.duet.setLook(0, 'camera');
    const xr = await enter({ mode: 'vr' });
    for (const x of [0, 0.8]) {
      device.position.x = x;
      await seconds(1);
      await pictures(1);
      expect(gazeOffRad(0, xr.headset.position)).toBeLessThan(9 * DEGREE);
    }
    expect(gazeOffRad(1, xr.headset.position)).toBeGreaterThan(25 * DEGREE); // who was not asked looks at the partner
  });

  test('stands in the real room: no wall, no colour, on the floor 1.6 m ahead, or where the floor is tapped', async () => {
    await makeStage();
    const { scene, walls, renderer } = stage.hostXr();
    const xr = await enter({ mode: 'ar' });
    expect(renderer.xr.getEnvironmentBlendMode()).toBe('alpha-blend');
    expect(scene.background).toBeNull();
    expect(walls.length).toBeGreaterThan(0);
    expect(walls.some((wall) => wall.visible)).toBe(false);
    const data = await pixels();
    expect([...data.slice(0, 3)]).toEqual([0, 0, 0]); // nothing over the heads
    const middle = flat(stage.duet.middleInto(new Vector3()));
    expect(flat(xr.headset.position).distanceTo(middle)).toBeCloseTo(1.6, 1);
    expect(xr.headset.position.y).toBeCloseTo(STANDING_M, 3);

    await xr.end();
    expect(walls.every((wall) => wall.visible)).toBe(true);
    expect(scene.background).not.toBeNull();

    // The emulated headset has no floor to hit without its companion package: this one lies 5 cm deep and 3 m ahead.
    const hit = new XRRigidTransform({ x: 0.2, y: -0.05, z: -2.9 });
    vi.spyOn(XRSession.prototype, 'requestHitTestSource').mockResolvedValue({
      cancel() {},
    } as XRHitTestSource);
    vi.spyOn(XRFrame.prototype, 'getHitTestResults').mockReturnValue([
      { getPose: () => ({ transform: hit }) } as unknown as XRHitTestResult,
    ]);
    const again = await enter({ mode: 'ar' });
    await pictures(2);
    again.session.dispatchEvent(new Event('select'));
    await pictures(2);
    const now = flat(stage.duet.middleInto(new Vector3()));
    expect(flat(again.headset.position).distanceTo(now)).toBeCloseTo(3, 1);
    expect(again.headset.position.y - stage.duet.floorM).toBeCloseTo(STANDING_M + 0.05, 2);
    for (const person of [0, 1] as const) expect(seenBy(eyes()[0]!, eyeOf(person))).toBe(true);
  });

  test('is one of the two: the partner looks at the headset, the body comes along', async () => {
    await makeStage([makeTinyVrm({}), makeTinyVrm({})]);
    stage.duet.setLook(1, 'partner');
    const xr = await enter({ mode: 'vr', as: 0 });
    const start = xr.headset.position.clone();
    expect(start.distanceTo(eyeOf(0))).toBeLessThan(0.06); // stands at that person's eyes
    expect(seenBy(eyes()[0]!, eyeOf(1))).toBe(true);
    await seconds(0.8);
    expect(gazeOffRad(1, xr.headset.position)).toBeLessThan(8 * DEGREE);
    const ahead = gazeOf(1);
    // Person 0 faces +x: the headset's −x is −z of the stage.
    device.position.x -= 0.5;
    lookUp(0.2);
    await seconds(1.4);
    await pictures(1);
    expect(flat(xr.headset.position).distanceTo(flat(start))).toBeCloseTo(0.5, 2);
    expect(gazeOffRad(1, xr.headset.position)).toBeLessThan(8 * DEGREE);
    expect(ahead.angleTo(gazeOf(1))).toBeGreaterThan(15 * DEGREE);
    expect(flat(eyeOf(0)).distanceTo(flat(xr.headset.position))).toBeLessThan(0.04);
    expect(boneAt(0, 'leftFoot').y).toBeLessThan(0.15);
    const head = new Vector3(0, 0, 1).transformDirection(
      stage.characters[0].vrm.humanoid.getRawBoneNode('head')!.matrixWorld,
    );
    const looks = new Vector3(0, 0, -1).transformDirection(xr.headset.matrixWorld);
    expect(head.angleTo(looks)).toBeLessThan(2 * DEGREE);
    // Turned right round, the body turns too.
    device.quaternion.set(0, 1, 0, 0);
    await seconds(1.8);
    const body = new Vector3(0, 0, 1).transformDirection(
      stage.characters[0].vrm.humanoid.getRawBoneNode('hips')!.matrixWorld,
    );
    expect(body.x).toBeLessThan(-0.5);
  });

  test.each(['1', '0'] as const)(
    'hands and knees of the viewer are those of the person, VRM %s',
    async (version) => {
      await makeStage([makeTinyVrm({ version }), makeTinyVrm({})]);
      const hand = device.controllers.right!;
      hand.position.set(0.4, STANDING_M - 0.3, -0.3); // before the right shoulder
      const xr = await enter({ mode: 'vr', as: 0 });
      await seconds(1);
      // Person 0 faces +x, and its right is +z.
      const palm = xr.headset.position.clone().add(new Vector3(0.4, -0.3, 0.2));
      expect(boneAt(0, 'rightHand').distanceTo(palm)).toBeLessThan(0.15); // the wrist lies behind the palm
      expect(boneAt(0, 'rightLowerArm').y).toBeLessThan(boneAt(0, 'rightHand').y - 0.05);
      const hips = boneAt(0, 'hips').y;
      const feet = boneAt(0, 'leftFoot').y;
      device.position.y -= 0.35;
      hand.connected = false;
      await seconds(1.2);
      expect(hips - boneAt(0, 'hips').y).toBeGreaterThan(0.28);
      expect(Math.abs(boneAt(0, 'leftFoot').y - feet)).toBeLessThan(0.02);
      expect(eyeOf(0).distanceTo(xr.headset.position)).toBeLessThan(0.05);
      expect(boneAt(0, 'rightHand').distanceTo(palm)).toBeGreaterThan(0.3);
    },
  );

  test.each<[string, (json: GltfJson) => void]>([
    ['VRM with annotations', () => undefined],
    [
      'plain GLB, by skin weights',
      (json) => {
        for (const thing of [json, ...json.nodes, ...json.materials]) delete thing.extensions;
        delete json.extensionsUsed;
      },
    ],
  ])('the own head is not drawn, and comes back: %s', async (_, edit) => {
    const file = await (await fetch('/models/ada.vrm')).arrayBuffer();
    await makeStage([editGlb(file, edit), makeTinyVrm({})]);
    const { scene } = stage.characters[0].vrm;
    const parts: Mesh[] = [];
    scene.traverse((part) => {
      if (!(part as Mesh).isMesh) return;
      parts.push(part as Mesh);
      const side = 2; // from inside too: the eyes are in the head
      (part as Mesh).material = new MeshBasicMaterial({ color: 0x00ff00, side, toneMapped: false });
    });
    const masks = parts.map((part) => part.layers.mask);
    lookUp(0.9); // nothing of the own body is before the eyes but the head
    const xr = await enter({ mode: 'vr', as: 0 });
    await pictures(2);
    expect(greenOf(await pixels())).toBe(0);
    // The same eyes drawn for somebody else are full of it.
    const blind = vi.spyOn(HiddenHead.prototype, 'blind').mockImplementation(HiddenHead.prototype.show);
    expect(greenOf(await pixels())).toBeGreaterThan(300);
    blind.mockRestore();
    lookUp(-1);
    await pictures(2);
    expect(greenOf(await pixels())).toBeGreaterThan(300); // the body is there
    await xr.end();
    expect(parts.map((part) => part.layers.mask)).toEqual(masks);
    const now: unknown[] = [];
    scene.traverse((part) => (part as Mesh).isMesh && now.push(part));
    expect(now).toEqual(parts);
  });

  test('the partner is heard from the mouth, by ears that move with the headset', async () => {
    await makeStage();
    const context = new AudioContext();
    await userEvent.click(document.body); // a page may make sound only after a gesture
    await context.resume();
    const output = new GainNode(context, { channelCount: 2, channelCountMode: 'explicit' });
    const mouths = new Mouths(context, output);
    const split = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    const ears = [0, 1].map((channel) => {
      const analyser = new AnalyserNode(context, { fftSize: 8192 });
      split.connect(analyser, channel);
      return analyser;
    });
    output.connect(split);
    output.connect(new GainNode(context, { gain: 0 })).connect(context.destination);
    const noise = new AudioBuffer({ length: 48_000, sampleRate: 48_000 });
    noise.copyToChannel(
      Float32Array.from({ length: 48_000 }, () => Math.random() - 0.5),
      0,
    );
    const voice = new AudioBufferSourceNode(context, { buffer: noise, loop: true });
    voice.connect(mouths.input(1));
    voice.start();
    const loudness = () =>
      ears.map((ear) => {
        const samples = new Float32Array(ear.fftSize);
        ear.getFloatTimeDomainData(samples);
        return Math.hypot(...samples);
      });
    const xr = await enter({ mode: 'vr', as: 0 }, mouths);
    expect(mouths.panner(0)).toBeNull(); // nobody hears the own voice from outside
    const panner = mouths.panner(1)!;
    const mouth = () => new Vector3(panner.positionX.value, panner.positionY.value, panner.positionZ.value);
    const { listener } = context;
    const ear = () =>
      new Vector3(listener.positionX.value, listener.positionY.value, listener.positionZ.value);
    await seconds(0.6);
    expect(mouth().distanceTo(eyeOf(1))).toBeLessThan(0.12);
    expect(mouth().y).toBeLessThan(eyeOf(1).y - 0.04);
    expect(ear().distanceTo(xr.headset.position)).toBeLessThan(0.02);
    // The partner is to the right of who looks to the left.
    device.quaternion.set(0, Math.SQRT1_2, 0, Math.SQRT1_2);
    await seconds(0.8);
    let [left, right] = loudness();
    expect(right! / left!).toBeGreaterThan(1.5);
    device.quaternion.set(0, -Math.SQRT1_2, 0, Math.SQRT1_2);
    device.position.z += 0.3;
    await seconds(0.8);
    [left, right] = loudness();
    expect(left! / right!).toBeGreaterThan(1.5);
    expect(ear().distanceTo(xr.headset.position)).toBeLessThan(0.02);
    await xr.end();
    await seconds(0.5);
    expect(mouths.panner(1)).toBeNull();
    [left, right] = loudness();
    expect(left! / right!).toBeCloseTo(1, 2); // flat again
    expect(left).toBeGreaterThan(0);
    mouths.dispose();
    await context.close();
  });

  test('in a scene of the user, cameras are blinded to the own head and voices come from the mouths', async () => {
    await makeStage();
    const { duet } = stage;
    stage.stop();
    const context = new AudioContext();
    const mouths = new Mouths(context);
    const headset = new Headset({ duet, stage: undefined } as unknown as Seen, mouths, () => undefined);
    expect(await headset.supported('vr')).toBe(false); // it is for the user's renderer to say
    await expect(headset.enter({ mode: 'vr' })).rejects.toThrow(/yours/);
    const camera = new PerspectiveCamera();
    camera.position.set(-0.5, 1.55, 0.4);
    camera.lookAt(duet.eyeInto(new Vector3(), 1));
    const parts: Mesh[] = [];
    stage.characters[0].vrm.humanoid.getRawBoneNode('head')!.traverse((part) => {
      if ((part as Mesh).isMesh) parts.push(part as Mesh);
    });
    const seen = () => parts.filter((part) => part.layers.test(camera.layers)).length;
    expect(seen()).toBe(parts.length);
    const guest = headset.join(camera, 0);
    guest.blind(camera);
    expect(seen()).toBe(0);
    guest.show(camera);
    expect(seen()).toBe(parts.length);
    for (let i = 0; i < 60; i++) {
      duet.update(0, i / 30, camera);
      headset.follow();
    }
    expect(flat(eyeOf(0)).distanceTo(flat(camera.position))).toBeLessThan(0.03);
    expect([mouths.panner(0), mouths.panner(1)]).toEqual([null, expect.any(PannerNode)]);
    guest.leave();
    camera.layers.set(0);
    expect(seen()).toBe(parts.length);
    expect([mouths.panner(0), mouths.panner(1)]).toEqual([null, null]);
    await context.close();
  });

  test('springs and faces move at most 30 times a second where that is asked, bones with each picture', async () => {
    await makeStage();
    stage.stop();
    const { duet, characters } = stage;
    const whole = vi.spyOn(characters[0], 'update');
    const bones = vi.spyOn(characters[0].vrm.humanoid, 'update');
    const second = (fromS: number) => {
      whole.mockClear();
      bones.mockClear();
      for (let i = 1; i <= 90; i++) duet.update(0, fromS + i / 90, stage.camera);
      return [whole.mock.calls.length, bones.mock.calls.length];
    };
    duet.update(0, 0, stage.camera);
    expect(second(0)).toEqual([90, 90]);
    duet.springsHz = 30;
    const [faces, skeleton] = second(1);
    expect(faces).toBeGreaterThan(28);
    expect(faces).toBeLessThan(32);
    expect(skeleton).toBe(90);
  });

  test('draws nothing for a headset that shows something else', async () => {
    await makeStage();
    await enter({ mode: 'vr' });
    device.updateVisibilityState('hidden');
    await pictures(2);
    const drawn = stage.renderer.info.render.frame;
    await pictures(4);
    expect(stage.renderer.info.render.frame).toBe(drawn);
    device.updateVisibilityState('visible');
    await pictures(4);
    expect(stage.renderer.info.render.frame).toBeGreaterThan(drawn);
  });

  test('begins anew where the user moves the origin of the real room', async () => {
    await makeStage();
    const xr = await enter({ mode: 'vr' });
    const start = flat(xr.headset.position);
    device.position.set(2, STANDING_M, 1);
    await pictures(2);
    expect(flat(xr.headset.position).distanceTo(start)).toBeGreaterThan(1.5);
    device.recenter();
    await pictures(4);
    expect(flat(xr.headset.position).distanceTo(start)).toBeLessThan(0.1);
  });

  test('a new character in the place of the viewer has no head either', async () => {
    await makeStage();
    const xr = await enter({ mode: 'vr', as: 0 });
    stage.setCharacter(0, await loadCharacter(makeTinyVrm({})));
    await pictures(2);
    const head = stage.characters[0].vrm.humanoid.getRawBoneNode('head')!;
    const seen: boolean[] = [];
    head.traverse((part) => {
      if ((part as Mesh).isMesh) for (const eye of eyes()) seen.push(part.layers.test(eye.layers));
    });
    expect(seen.length).toBeGreaterThan(2);
    expect(seen).not.toContain(true);
    await xr.end();
  });

  test('says why there is no session, and the flat picture goes on', async () => {
    await makeStage();
    const refusal = async (mode: 'vr' | 'ar' = 'vr') => {
      const error = await XrView.open(stage.hostXr(), { mode }).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(EngineError);
      expect((error as EngineError).kind).toBe('unsupported');
      return `${(error as EngineError).message} | ${(error as EngineError).hint}`;
    };
    const request = vi.spyOn(navigator.xr!, 'requestSession');
    request.mockRejectedValueOnce(new DOMException('no', 'NotAllowedError'));
    expect(await refusal()).toMatch(/not allowed.*allow it/);
    request.mockRejectedValueOnce(new DOMException('no', 'SecurityError'));
    expect(await refusal()).toMatch(/click|allow="xr-spatial-tracking"/);
    await enter({ mode: 'vr' });
    expect(await refusal()).toMatch(/in use.*End the other/);
    await view!.end();
    view = undefined;
    device.uninstallRuntime();
    wear({ ...metaQuest3, supportedSessionModes: ['inline', 'immersive-vr'] });
    expect([await isXrSupported('vr'), await isXrSupported('ar')]).toEqual([true, false]);
    expect(await refusal('ar')).toMatch(/no headset or phone.*immersive-ar/);
    device.uninstallRuntime();
    wear({ ...metaQuest3, supportedFeatures: ['viewer', 'local'] });
    expect(await refusal()).toMatch(/local-floor.*floor/);
    vi.stubGlobal('navigator', { ...navigator, xr: undefined });
    expect(await isXrSupported('vr')).toBe(false);
    expect(await refusal()).toMatch(/no WebXR/);
    vi.stubGlobal('isSecureContext', false);
    expect(await refusal()).toMatch(/https/);
    vi.unstubAllGlobals();
    const drawn = stage.renderer.info.render.frame;
    await vi.waitFor(() => expect(stage.renderer.info.render.frame).toBeGreaterThan(drawn + 1), 3000);
  });
});
