import { type Mesh, MeshBasicMaterial, PerspectiveCamera, Vector3 } from 'three';
import { describe, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { loadCharacter } from '../../src/engine/stage/character.ts';
import { HiddenHead } from '../../src/engine/stage/xr-head.ts';
import { Mouths } from '../../src/engine/stage/xr-mouths.ts';
import { Headset } from '../../src/headset.ts';
import type { Seen } from '../../src/seen.ts';
import { editGlb, type GltfJson } from '../glb.ts';
import { makeTinyVrm } from './tiny-vrm.ts';
import {
  boneAt,
  DEGREE,
  device,
  enter,
  eyeOf,
  eyes,
  flat,
  gazeOf,
  gazeOffRad,
  lookUp,
  makeStage,
  pictures,
  pixels,
  STANDING_M,
  seconds,
  seenBy,
  stage,
} from './xr.worn.ts';

const greenOf = (data: Uint8ClampedArray) => {
  let count = 0;
  for (let i = 0; i < data.length; i += 4)
    count += Number(data[i + 1]! > 200 && data[i]! < 60 && data[i + 2]! < 60);
  return count;
};

describe('one of the two wears the headset', { timeout: 60_000 }, () => {
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
});
