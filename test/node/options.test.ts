import { Scene, Vector3 } from 'three';
import { expect, test } from 'vitest';
import { type DuologueOptions, settingOf } from '../../src/options.ts';

const scene = new Scene();
const base: DuologueOptions = { scene, characters: ['a.vrm', 'b.vrm'] };

test('what is left out has defaults', () => {
  expect(settingOf(base)).toEqual({
    placement: 'vis-a-vis',
    seated: false,
    intensity: [
      { face: 1, head: 1, hands: 1, body: 1 },
      { face: 1, head: 1, hands: 1, body: 1 },
    ],
    look: ['auto', 'auto'],
  });
});

test('intensity and look are for both or for each, distance goes with the placement', () => {
  const at = new Vector3(0, 1, 2);
  const { placement, seated, intensity, look } = settingOf({
    ...base,
    placement: 'seated',
    distanceM: 2,
    intensity: ['still', { hands: 0.5 }],
    look: ['camera', at],
  });
  expect(placement).toEqual({ preset: 'seated', distanceM: 2 });
  expect(seated).toBe(true);
  expect(intensity).toEqual([
    { face: 0, head: 0, hands: 0, body: 0 },
    { face: 1, head: 1, hands: 0.5, body: 1 },
  ]);
  expect(look).toEqual(['camera', at]);
});

const wrong = (options: object) => ({ ...base, ...options }) as DuologueOptions;
test.each<[string, DuologueOptions, RegExp]>([
  ['nowhere to be seen', wrong({ scene: undefined }), /`container` and `scene` neither/],
  ['two places to be seen', wrong({ container: {} }), /both are given/],
  ['no scene', wrong({ scene: {} }), /expected a three.js Scene/],
  ['a placement', wrong({ placement: 'upside-down' }), /"upside-down", expected one of vis-a-vis, l/],
  ['a distance', wrong({ distanceM: 0.2 }), /0\.2, expected 0\.7 to 4 metres/],
  ['no distance', wrong({ distanceM: Number.NaN }), /NaN/],
  ['a shot', wrong({ shot: 'close-up' }), /"close-up", expected one of both, full/],
  ['a renderer', wrong({ renderer: 'canvas' }), /"canvas", expected one of webgl, webgpu/],
  ['an intensity', wrong({ intensity: 'wild' }), /"wild"/],
  ['too much of a region', wrong({ intensity: { head: 2 } }), /of head is 2, expected 0 to 1/],
  ['an unknown region', wrong({ intensity: { legs: 0 } }), /legs/],
  ['nobody to look at', wrong({ look: 'everybody' }), /everybody/],
])('names %s that there is not', (_, options, message) => {
  expect(() => settingOf(options)).toThrow(
    expect.objectContaining({
      name: 'EngineError',
      kind: 'unsupported',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\.$/),
    }),
  );
});
