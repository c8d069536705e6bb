import { metaQuest3 } from 'iwer';
import { Vector3 } from 'three';
import { describe, expect, test, vi } from 'vitest';
import { LIFE_SIZE } from '../../src/engine/stage/duet.ts';
import { XrView } from '../../src/engine/stage/xr.ts';
import { isXrSupported } from '../../src/engine/stage/xr-session.ts';
import { EngineError } from '../../src/errors.ts';
import {
  boneAt,
  DEGREE,
  device,
  enter,
  eyeOf,
  eyes,
  flat,
  gazeOffRad,
  makeStage,
  pictures,
  pixels,
  STANDING_M,
  seconds,
  seenBy,
  stage,
  view,
  wear,
} from './xr.worn.ts';

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
