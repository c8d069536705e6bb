import { afterEach, describe, expect, test, vi } from 'vitest';
import { FACE_CHANNELS, frameSample } from '../../src/engine/motion.ts';
import { type Character, loadCharacter } from '../../src/engine/stage/character.ts';
import { Stage } from '../../src/engine/stage/stage.ts';
import { CHANNEL } from '../../src/engine/stage/synthesis.ts';
import { FACE_NUMBERS, Timeline } from '../../src/engine/timeline.ts';
import { addUpper, bodiesOf, walk } from '../bodies.ts';
import { makeTinyVrm, type TinyVrm } from './tiny-vrm.ts';

const WIDTH = 320;
const HEIGHT = 180;

let stage: Stage | undefined;
afterEach(() => {
  stage?.dispose();
  document.body.replaceChildren();
});

const makeStage = async (left: TinyVrm = {}, right: TinyVrm = {}) => {
  const characters: [Character, Character] = [
    await loadCharacter(makeTinyVrm(left)),
    await loadCharacter(makeTinyVrm(right)),
  ];
  const container = document.createElement('div');
  container.style.cssText = `width:${WIDTH}px;height:${HEIGHT}px`;
  document.body.append(container);
  stage = new Stage({ container, characters, timeline: new Timeline(), maxPixelRatio: 1 });
  return stage;
};

const pixels = ({ canvas }: Stage) => {
  const copy = document.createElement('canvas');
  copy.width = WIDTH;
  copy.height = HEIGHT;
  const context = copy.getContext('2d')!;
  context.drawImage(canvas, 0, 0);
  return context.getImageData(0, 0, WIDTH, HEIGHT).data;
};

/** Draws the stage with the same life and another mouth, and returns the changed pixels of each half. */
const changedByJaw = (stage: Stage, person: number) => {
  const face = new Float32Array(FACE_NUMBERS);
  for (let k = 0; k < 90; k++) {
    face[person * FACE_CHANNELS + CHANNEL.jawOpen] = k < 30 ? 0 : 1;
    stage.timeline.push({ frameIndex: k, face });
  }
  // Time stands still for life, so that the mouth is all that moves.
  for (let i = 0; i < 3; i++) stage.render(frameSample(2), 1);
  const shut = pixels(stage);
  for (let k = 3; k < 60; k++) stage.render(frameSample(k), 1);
  const open = pixels(stage);
  const changed = [0, 0];
  for (let i = 0; i < shut.length; i += 4)
    if (Math.abs(shut[i]! - open[i]!) + Math.abs(shut[i + 1]! - open[i + 1]!) > 24)
      changed[(i / 4) % WIDTH < WIDTH / 2 ? 0 : 1]!++;
  return changed;
};

describe('stage', () => {
  test.each<[string, TinyVrm]>([
    ['arkit', { face: 'arkit' }],
    ['vowels', { face: 'vowels' }],
    ['vowels', { face: 'vowels', version: '0' }],
  ])('opens the mouth of the right character, by %s', async (route, right) => {
    const stage = await makeStage({}, right);
    expect(stage.characters[1].report().face.route).toBe(route);
    const [left, changed] = changedByJaw(stage, 1);
    expect(changed).toBeGreaterThan(20);
    expect(left).toBeLessThan(4);
  });

  test('lives while there is no motion', async () => {
    const stage = await makeStage();
    stage.render(0, 0);
    const before = pixels(stage);
    for (let i = 1; i <= 60; i++) stage.render(0, i / 20);
    expect(pixels(stage).some((value, i) => Math.abs(value - before[i]!) > 40)).toBe(true);
  });

  test.each<[string, TinyVrm]>([
    ['VRM 1.0', {}],
    ['VRM 0.x', { version: '0' }],
  ])('lives the bodies of the motion and eases into them and out again, %s', async (_, left) => {
    const stage = await makeStage(left);
    const bodies = bodiesOf((f) => addUpper(f, 'leftUpperArm', 0, 0, 1.9), 120);
    const face = new Float32Array(FACE_NUMBERS);
    for (let k = 0; k < 120; k++)
      stage.timeline.push({ frameIndex: k, face, body: bodies.subarray(k * 150, (k + 1) * 150) });
    const [{ vrm }] = stage.characters;
    const at = (name: 'leftHand' | 'leftFoot' | 'head') =>
      vrm.humanoid.getRawBoneNode(name)!.getWorldPosition(stage.camera.position.clone());
    let nowS = 0;
    let last = at('leftHand');
    let fastest = 0;
    const show = (fromS: number, toS: number) => {
      for (let s = fromS; s < toS; s += 1 / 30) {
        nowS += 1 / 30;
        stage.render(s * 16_000, nowS);
        const hand = at('leftHand');
        if (nowS > 0.1) fastest = Math.max(fastest, 30 * hand.distanceTo(last));
        last = hand;
      }
    };
    show(0, 0.1);
    const hanging = at('leftHand').y;
    show(0.1, 3);
    expect(at('leftHand').y).toBeGreaterThan(at('head').y - 0.1); // the arm is up
    const foot = at('leftFoot');
    show(3, 3.8);
    expect(at('leftFoot').distanceTo(foot)).toBeLessThan(0.003);
    show(3.8, 7); // nothing comes any more
    expect(at('leftHand').y).toBeLessThan(hanging + 0.08);
    expect(fastest).toBeLessThan(5);
  });

  test('walks where the motion walks, feet on the floor', async () => {
    const stage = await makeStage();
    const bodies = bodiesOf(walk(-0.5), 60);
    const face = new Float32Array(FACE_NUMBERS);
    for (let k = 0; k < 60; k++)
      stage.timeline.push({ frameIndex: k, face, body: bodies.subarray(k * 150, (k + 1) * 150) });
    const hips = () =>
      stage.characters.map(({ vrm }) =>
        vrm.humanoid.getRawBoneNode('hips')!.getWorldPosition(stage.camera.position.clone()),
      );
    for (let k = 0; k < 30; k++) stage.render(frameSample(k), k / 30);
    const before = hips();
    for (let k = 30; k < 59; k++) stage.render(frameSample(k), k / 30);
    hips().forEach((at, p) => {
      expect(at.distanceTo(before[p]!)).toBeGreaterThan(0.3);
      expect(Math.abs(at.x)).toBeGreaterThan(Math.abs(before[p]!.x)); // away from each other
    });
    const foot = stage.characters[0].vrm.humanoid.getRawBoneNode('leftFoot')!;
    expect(foot.getWorldPosition(stage.camera.position.clone()).y).toBeGreaterThan(0.05);
  });

  test('fits both people into any picture', async () => {
    const stage = await makeStage();
    for (const [width, height] of [
      [320, 180],
      [180, 320],
      [400, 100],
      [200, 200],
    ] as const) {
      stage.canvas.parentElement!.style.cssText = `width:${width}px;height:${height}px`;
      stage.resize();
      stage.render(0, 0);
      for (const { vrm } of stage.characters)
        for (const bone of ['head', 'leftUpperArm', 'rightUpperArm', 'chest'] as const) {
          const node = vrm.humanoid.getRawBoneNode(bone)!;
          const at = node.getWorldPosition(stage.camera.position.clone()).project(stage.camera);
          expect(Math.abs(at.x), `${bone} at ${width}×${height}`).toBeLessThan(1);
          expect(Math.abs(at.y), `${bone} at ${width}×${height}`).toBeLessThan(1.05);
        }
    }
  });

  test('draws by itself until it is stopped', async () => {
    const stage = await makeStage();
    const { render } = stage.renderer.info;
    stage.start(() => 0);
    await expect.poll(() => render.frame, { timeout: 10_000 }).toBeGreaterThan(5);
    stage.stop();
    const drawn = render.frame;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(render.frame).toBe(drawn);
  });

  test('gives everything back', async () => {
    const stage = await makeStage();
    const { memory } = stage.renderer.info;
    expect(memory).toMatchObject({ geometries: 0, textures: 0 });
    stage.render(0, 0);
    expect(memory.geometries).toBeGreaterThan(0);
    stage.dispose();
    expect(memory).toMatchObject({ geometries: 0, textures: 0 });
    expect(document.querySelector('canvas')).toBeNull();
    stage.render(0, 1);
  });

  test('survives a lost graphics context', async () => {
    const stage = await makeStage();
    stage.render(0, 0);
    const lost = new Promise((resolve) => stage.canvas.addEventListener('webglcontextlost', resolve));
    const restored = new Promise((resolve) => stage.canvas.addEventListener('webglcontextrestored', resolve));
    stage.renderer.forceContextLoss();
    await lost;
    stage.render(0, 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    stage.renderer.forceContextRestore();
    await restored;
    // The picture returns when its programs are compiled anew.
    await vi.waitFor(() => {
      stage.render(0, 2);
      expect(pixels(stage).some((value, i) => i % 4 !== 3 && value > 60)).toBe(true);
    }, 10_000);
  });
});

describe('character', () => {
  test('reports what it can do', async () => {
    const character = await loadCharacter(makeTinyVrm({ face: 'vowels', version: '0' }));
    const { kind, bones, face, eyes } = character.report();
    expect([kind, face.route, eyes]).toEqual(['vrm0', 'vowels', 'bones']);
    expect(bones.present).toContain('leftUpperArm');
    expect(bones.missing).toContain('leftThumbDistal');
    expect(face.missing).toContain('jawOpen');
    character.dispose();
  });

  test.each<[string, () => Parameters<typeof loadCharacter>[0], RegExp]>([
    ['a broken file', () => new Blob([makeTinyVrm().slice(0, 4000)]), /broken/],
    ['a web page', () => new Blob(['<!doctype html><title>Not found</title>']), /neither a VRM nor a GLB/],
    ['an empty file', () => new ArrayBuffer(0), /neither a VRM nor a GLB/],
    ['a file that is not there', () => '/no/such.vrm', /such\.vrm/],
  ])('says what is wrong with %s', async (_, source, message) => {
    await expect(loadCharacter(source())).rejects.toMatchObject({
      name: 'EngineError',
      kind: 'asset',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\.$/),
    });
  });
});
