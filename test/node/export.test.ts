import { expect, test } from 'vitest';
import { motionJson, type PersonMotion } from '../../src/engine/export/json.ts';
import { LIVE_LINK_WEIGHTS, liveLinkCsv } from '../../src/engine/export/livelink.ts';
import { ARKIT_51, FACE_CHANNELS } from '../../src/engine/motion.ts';
import { VISEMES, VisemeMap } from '../../src/engine/visemes.ts';

const PHONES =
  'SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH'.split(
    ' ',
  );

/** Every channel of every frame has its own value in 0…1. */
function faceFrames(frames: number) {
  return Float32Array.from({ length: frames * FACE_CHANNELS }, (_, i) => ((i * 37) % 1000) / 1000);
}

/** A CSV read back by column name. */
function readCsv(text: string) {
  const [header, ...rows] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  expect(rows.every((row) => row.length === header.length)).toBe(true);
  return { header, rows, at: (row: number, name: string) => rows[row][header.indexOf(name)] };
}

test('Live Link Face: the header is that of the app', () => {
  const { header } = readCsv(liveLinkCsv(faceFrames(1)));
  expect(header).toHaveLength(2 + 52 + 9);
  expect(header.slice(0, 4)).toEqual(['Timecode', 'BlendShapeCount', 'EyeBlinkLeft', 'EyeLookDownLeft']);
  expect(header.slice(-10)).toEqual(
    'TongueOut HeadYaw HeadPitch HeadRoll LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch RightEyeRoll'.split(
      ' ',
    ),
  );
  expect(new Set(header).size).toBe(header.length);
});

test('Live Link Face: every weight comes back under its own name', () => {
  const face = faceFrames(3);
  const { rows, at } = readCsv(liveLinkCsv(face));
  expect(rows).toHaveLength(3);
  for (let k = 0; k < 3; k++) {
    ARKIT_51.forEach((channel, c) => {
      const column = channel[0].toUpperCase() + channel.slice(1);
      expect(LIVE_LINK_WEIGHTS).toContain(column);
      expect(Number(at(k, column)), column).toBeCloseTo(face[k * FACE_CHANNELS + c], 9);
    });
    for (const column of ['TongueOut', 'HeadYaw', 'HeadPitch', 'HeadRoll'])
      expect(Number(at(k, column))).toBe(0);
    expect(at(k, 'BlendShapeCount')).toBe('61');
  }
});

test('Live Link Face: time codes are 30 frames a second, counted in sixtieths', () => {
  const { at } = readCsv(liveLinkCsv(new Float32Array(FACE_CHANNELS * (30 * 61 + 3))));
  expect(at(0, 'Timecode')).toBe('00:00:00:00.000');
  expect(at(1, 'Timecode')).toBe('00:00:00:02.000');
  expect(at(29, 'Timecode')).toBe('00:00:00:58.000');
  expect(at(30, 'Timecode')).toBe('00:00:01:00.000');
  expect(at(30 * 61 + 2, 'Timecode')).toBe('00:01:01:04.000');
});

test('Live Link Face: the eyes turn together where the look weights say so', () => {
  const face = new Float32Array(FACE_CHANNELS * 3);
  const set = (k: number, name: (typeof ARKIT_51)[number]) => {
    face[k * FACE_CHANNELS + ARKIT_51.indexOf(name)] = 1;
  };
  set(0, 'eyeLookInLeft'); // to the person's right
  set(0, 'eyeLookOutRight');
  set(1, 'eyeLookDownLeft');
  set(1, 'eyeLookDownRight');
  set(2, 'eyeLookUpLeft');
  set(2, 'eyeLookUpRight');
  const { at } = readCsv(liveLinkCsv(face));
  for (const eye of ['LeftEye', 'RightEye']) {
    expect(Number(at(0, `${eye}Yaw`))).toBeCloseTo(0.6);
    expect(Number(at(0, `${eye}Pitch`))).toBe(0);
    expect(Number(at(1, `${eye}Pitch`))).toBeCloseTo(0.62);
    expect(Number(at(2, `${eye}Pitch`))).toBeCloseTo(-0.45);
    expect(Number(at(2, `${eye}Yaw`))).toBe(0);
  }
});

test('visemes: 15 classes, every phone in one, the likeliest by sum', () => {
  const map = new VisemeMap(PHONES);
  const names = Object.fromEntries(PHONES.map((phone, p) => [phone, VISEMES[map.visemeOfPhone[p]]]));
  expect(names).toMatchObject({
    SIL: 'sil',
    P: 'PP',
    B: 'PP',
    M: 'PP',
    F: 'FF',
    NG: 'kk',
    AA: 'aa',
    IY: 'ih',
    W: 'ou',
  });
  expect(new Set(Object.values(names)).size).toBe(15);
  const phones = new Float32Array(2 * PHONES.length);
  phones[PHONES.length + PHONES.indexOf('S')] = 0.4;
  for (const phone of ['P', 'B', 'M']) phones[PHONES.length + PHONES.indexOf(phone)] = 0.2;
  expect(VISEMES[map.likeliest(phones, PHONES.length)]).toBe('PP');
});

test('motion.json: frames by name, five decimals, phones and visemes per frame', () => {
  const frames = 4;
  const phones = new Float32Array(frames * PHONES.length);
  for (let k = 0; k < frames; k++) phones[k * PHONES.length + 22] = 0.75; // M
  const motion: PersonMotion = {
    face: faceFrames(frames),
    phones,
    voicing: new Float32Array(frames).fill(0.25),
  };
  const source = {
    models: [{ network: 'face', version: '1', sha256: '00' }],
    sampler: { steps: 4, eta: 0, seed: 1 },
    lookahead: 2,
    phones: PHONES,
    backend: { backend: 'wasm', adapter: 'test', reason: 'asked for' },
    precision: 'f32',
  };
  const person = { sound: 'a.wav', durationS: 0.1, style: 0, facing: 1, emotion: 0, motion };
  const json = JSON.parse(JSON.stringify(motionJson(source, [person, { ...person, style: 2 }])));
  expect(json).toMatchObject({
    format: 'duologue-motion',
    version: 1,
    frames,
    frameRateHz: 30,
    sampleRateHz: 16000,
  });
  expect(json.source).toEqual(source);
  expect(json.persons).toHaveLength(2);
  expect(json.persons[1]).toMatchObject({
    sound: 'a.wav',
    style: 2,
    phone: [22, 22, 22, 22],
    viseme: [1, 1, 1, 1],
  });
  expect(json.visemes[json.persons[0].viseme[0]]).toBe('PP');
  expect(json.persons[0].motion).toBeUndefined();
  expect(json.persons[0].voicing).toEqual([0.25, 0.25, 0.25, 0.25]);
  expect(json.persons[0].face).toHaveLength(frames);
  for (const name of ['jawOpen', 'mouthClose'] as const) {
    const c = json.channels.indexOf(name);
    expect(c).toBe(ARKIT_51.indexOf(name));
    expect(json.persons[0].face[2][c]).toBeCloseTo(motion.face[2 * FACE_CHANNELS + c], 5);
  }
});
