import { Scene, Vector3 } from 'three';
import { expect, test, vi } from 'vitest';
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
    voices: [undefined, undefined],
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

const element = { nodeType: 1, nodeName: 'DIV' };
const wrong = (options: object) => ({ ...base, ...options }) as DuologueOptions;
test.each<[string, DuologueOptions, RegExp]>([
  [
    'nowhere to be seen',
    wrong({ scene: undefined }),
    /none of container, canvas and scene, expected exactly one/,
  ],
  ['two places to be seen', wrong({ container: element }), /container and scene of/],
  ['three of them', wrong({ container: element, canvas: element }), /container and canvas and scene of/],
  ['an element that was not found', wrong({ scene: undefined, container: null }), /^container is null/],
  [
    'a selector',
    wrong({ scene: undefined, container: '#stage' }),
    /container is "#stage", expected an element/,
  ],
  [
    'a canvas that is none',
    wrong({ scene: undefined, canvas: element }),
    /canvas is .*, expected a canvas element/,
  ],
  ['no characters', wrong({ characters: undefined }), /characters is undefined, expected two/],
  ['one character', wrong({ characters: ['a.vrm'] }), /characters is a\.vrm, expected two/],
  ['a character', wrong({ characters: ['a.vrm', 7] }), /characters\[1\] is 7, expected an address/],
  ['a seed', wrong({ seed: 1.5 }), /seed is 1\.5, expected a whole number from 0/],
  ['a backend', wrong({ backend: 'cuda' }), /"cuda", expected one of auto, webgpu/],
  ['a gate', wrong({ gate: 'on' }), /"on", expected one of auto, off/],
  ['a relationship', wrong({ relationship: 'strangers' }), /"strangers", expected one of none/],
  ['one voice', wrong({ voices: [null] }), /voices is .*, expected two/],
  ['a voice', wrong({ voices: [null, 'voice.mp3'] }), /voices\[1\] is "voice\.mp3", which gives no sound/],
  [
    'a voice in two words',
    wrong({ voices: [{ play: true }, null] }),
    /voices\[0\] is .*, which gives no sound/,
  ],
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

test('a voice may say whether it is heard, and nobody needs one to begin with', () => {
  class AudioNode {}
  vi.stubGlobal('AudioNode', AudioNode);
  const source = new AudioNode();
  const voicesOf = (voices: unknown) => settingOf(wrong({ voices })).voices;
  expect(voicesOf([source, null])).toEqual([{ source }, undefined]);
  expect(voicesOf([undefined, { source, play: false }])).toEqual([undefined, { source, play: false }]);
  vi.unstubAllGlobals();
});

test('a canvas is a place to be seen, as a container is', () => {
  const canvas = { nodeType: 1, nodeName: 'CANVAS' };
  for (const place of [{ canvas }, { container: canvas }, { container: element }])
    expect(() => settingOf(wrong({ scene: undefined, ...place }))).not.toThrow();
});
