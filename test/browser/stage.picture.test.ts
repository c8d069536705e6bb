import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Character, loadCharacter } from '../../src/engine/stage/character.ts';
import { chooseRenderer } from '../../src/engine/stage/drawing.ts';
import { Stage, type StageOptions } from '../../src/engine/stage/stage.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { makeTinyVrm } from './tiny-vrm.ts';

const WIDTH = 240;
const HEIGHT = 135;

let stage: Stage | undefined;
afterEach(() => {
  stage?.dispose();
  document.body.replaceChildren();
});

const makeStage = async (options: Partial<StageOptions> = {}) => {
  const characters: [Character, Character] = [
    await loadCharacter(makeTinyVrm()),
    await loadCharacter(makeTinyVrm()),
  ];
  const container = document.createElement('div');
  container.style.cssText = `width:${WIDTH}px;height:${HEIGHT}px`;
  document.body.append(container);
  stage = new Stage({ container, characters, timeline: new Timeline(), maxPixelRatio: 1, ...options });
  return stage;
};

/** The pixels of the picture of this moment. */
const picture = (stage: Stage, nowS = 0) => {
  stage.render(0, nowS);
  const copy = new OffscreenCanvas(WIDTH, HEIGHT).getContext('2d')!;
  copy.drawImage(stage.canvas, 0, 0, WIDTH, HEIGHT);
  return copy.getImageData(0, 0, WIDTH, HEIGHT).data;
};
const count = (data: Uint8ClampedArray, is: (r: number, g: number, b: number, a: number) => boolean) => {
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) if (is(data[i]!, data[i + 1]!, data[i + 2]!, data[i + 3]!)) sum++;
  return sum;
};

describe('background', () => {
  test('transparent: the page shows through, people are opaque, shadows lie between', async () => {
    const data = picture(await makeStage({ background: 'transparent', shot: 'full' }));
    expect(data[3]).toBe(0);
    expect(count(data, (_r, _g, _b, a) => a === 255)).toBeGreaterThan(800);
    expect(count(data, (r, g, b, a) => a > 8 && a < 235 && r + g + b < 200)).toBeGreaterThan(40);
  });

  test('a colour is that colour', async () => {
    const data = picture(await makeStage({ background: '#3366cc' }));
    expect([...data.subarray(0, 4)]).toEqual([0x33, 0x66, 0xcc, 255]);
  });

  test('the room is lighter between the two than at its edges', async () => {
    const data = picture(await makeStage({ background: 'room' }));
    const light = (x: number, y: number) => data[4 * (y * WIDTH + x)]! + data[4 * (y * WIDTH + x) + 1]!;
    expect(light(WIDTH / 2, 50)).toBeGreaterThan(1.5 * light(2, 2));
  });
});

describe('camera', () => {
  test('goes over from shot to shot without a jump', async () => {
    const stage = await makeStage();
    stage.render(0, 0);
    const from = stage.camera.position.clone();
    let last = from.clone();
    let fastest = 0;
    stage.setShot('close-up-1');
    for (let k = 1; k <= 90; k++) {
      stage.render(0, k / 30);
      fastest = Math.max(fastest, stage.camera.position.distanceTo(last) * 30);
      last = stage.camera.position.clone();
    }
    expect(last.distanceTo(from)).toBeGreaterThan(0.7);
    expect(fastest).toBeLessThan(7);
    const head = stage.characters[1].vrm.humanoid.getRawBoneNode('head')!;
    const at = head.getWorldPosition(from).project(stage.camera);
    expect(Math.max(Math.abs(at.x), Math.abs(at.y))).toBeLessThan(0.7);
  });

  const drag = (stage: Stage, x: number, y: number) => {
    const at = (type: string, clientX: number, clientY: number) =>
      stage.canvas.dispatchEvent(
        new PointerEvent(type, {
          pointerId: 7,
          pointerType: 'mouse',
          button: 0,
          clientX,
          clientY,
          bubbles: true,
        }),
      );
    stage.canvas.setPointerCapture = () => undefined;
    stage.canvas.releasePointerCapture = () => undefined;
    at('pointerdown', 100, 60);
    at('pointermove', 100 + x / 2, 60 + y / 2);
    at('pointermove', 100 + x, 60 + y);
    at('pointerup', 100 + x, 60 + y);
  };

  test('is taken by a drag, never goes under the floor, and is given back by a double click', async () => {
    const stage = await makeStage({ orbit: true });
    stage.render(0, 0);
    const from = stage.camera.position.clone();
    drag(stage, 90, 0);
    expect(stage.shot).toBe('free');
    for (let k = 1; k < 30; k++) stage.render(0, k / 30);
    const aside = stage.camera.position.clone();
    expect(Math.abs(aside.x - from.x)).toBeGreaterThan(0.5);
    for (let k = 0; k < 6; k++) {
      drag(stage, 0, -130);
      for (let i = 0; i < 10; i++) stage.render(0, 1 + k / 3 + i / 30);
      expect(stage.camera.position.y).toBeGreaterThan(0.1);
    }
    stage.canvas.dispatchEvent(new MouseEvent('dblclick'));
    expect(stage.shot).toBe('both');
    for (let k = 0; k < 120; k++) stage.render(0, 4 + k / 30);
    expect(stage.camera.position.distanceTo(from)).toBeLessThan(0.15);
  });

  test('stays where it is under a drag that was not asked for', async () => {
    const stage = await makeStage();
    stage.render(0, 0);
    drag(stage, 90, 0);
    stage.render(0, 0.1);
    expect(stage.shot).toBe('both');
    expect(stage.canvas.style.touchAction).toBe('');
  });
});

describe('survives', () => {
  test('a container without any size, until it has one', async () => {
    const stage = await makeStage();
    const { style } = stage.canvas.parentElement!;
    style.height = '0px';
    stage.resize();
    const { frame } = stage.renderer.info.render;
    stage.render(0, 0);
    expect(stage.renderer.info.render.frame).toBe(frame);
    style.height = `${HEIGHT}px`;
    await expect.poll(() => count(picture(stage, 0.1), (r, g, b) => r + g + b > 30)).toBe(WIDTH * HEIGHT);
  });

  test('a canvas of the user that no style sizes, on a dense screen', async () => {
    const canvas = document.createElement('canvas');
    canvas.width = 120;
    canvas.height = 80;
    document.body.append(canvas);
    const { devicePixelRatio } = window;
    Object.defineProperty(window, 'devicePixelRatio', { value: 2, configurable: true });
    try {
      const stage = await makeStage({ container: canvas, maxPixelRatio: 2 });
      for (let k = 0; k < 3; k++) stage.resize();
      expect([canvas.clientWidth, canvas.clientHeight]).toEqual([120, 80]);
      expect(canvas.width).toBeGreaterThan(120);
      expect(canvas.width).toBeLessThanOrEqual(240);
      stage.dispose();
      expect(canvas.isConnected).toBe(true);
    } finally {
      Object.defineProperty(window, 'devicePixelRatio', { value: devicePixelRatio, configurable: true });
    }
  });
});

test('where there is no WebGPU, WebGL draws and the reason is said', async () => {
  const { gpu } = navigator;
  const pretend = (value: unknown) => Object.defineProperty(navigator, 'gpu', { value, configurable: true });
  try {
    pretend({ requestAdapter: async () => null });
    expect(await chooseRenderer('webgpu')).toEqual({
      renderer: 'webgl',
      reason: 'WebGPU has no adapter here',
    });
    pretend(undefined);
    expect(await chooseRenderer('webgpu')).toEqual({
      renderer: 'webgl',
      reason: 'this browser has no WebGPU',
    });
    expect(await chooseRenderer('webgl')).toEqual({ renderer: 'webgl', reason: '' });
  } finally {
    pretend(gpu);
  }
});

test('in high quality the key light throws a soft shadow on the floor, also after a lost context', async () => {
  const shadow = (data: Uint8ClampedArray) =>
    count(data, (r, g, b) => r < 245 && r > 90 && Math.abs(r - g) < 30 && Math.abs(g - b) < 30);
  const seen = { background: '#ffffff', shot: 'full' } as const;
  const plain = await makeStage({ ...seen, quality: 'low' });
  plain.duet.contactShadows = false;
  const without = shadow(picture(plain));
  plain.dispose();
  const stage = await makeStage({ ...seen, quality: 'high' });
  stage.duet.contactShadows = false;
  const before = picture(stage);
  expect(shadow(before)).toBeGreaterThan(without + 150);
  const restored = new Promise((resolve) => stage.canvas.addEventListener('webglcontextrestored', resolve));
  stage.renderer.forceContextLoss();
  await new Promise((resolve) => setTimeout(resolve, 60));
  stage.renderer.forceContextRestore();
  await restored;
  // The picture returns when its programs are compiled anew.
  await vi.waitFor(() => {
    const after = picture(stage);
    let off = 0;
    for (let i = 0; i < before.length; i++) if (Math.abs(before[i]! - after[i]!) > 24) off++;
    expect(off).toBeLessThan(before.length * 0.01);
  }, 30_000);
  // Without a GPU it takes long.
}, 90_000);
