import { AnimationMixer, Vector3 } from 'three';
import { BVHLoader } from 'three/addons/loaders/BVHLoader.js';
import { expect, test } from 'vitest';
import { matrixInto, quaternionInto } from '../../src/engine/body/rotation.ts';
import { Figure, JOINTS } from '../../src/engine/body/skeleton.ts';
import { bvh } from '../../src/engine/export/bvh.ts';
import {
  BODY_CHANNELS,
  type MotionSource,
  motionJson,
  type PersonMotion,
} from '../../src/engine/export/json.ts';
import { LIVE_LINK_WEIGHTS, liveLinkCsv } from '../../src/engine/export/livelink.ts';
import { ARKIT_51, BODY_NUMBERS, FACE_CHANNELS } from '../../src/engine/motion.ts';
import { VISEMES, VisemeMap } from '../../src/engine/visemes.ts';
import { addLower, addUpper, bodiesOf, walk } from '../bodies.ts';

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
    turn: new Float32Array(frames).fill(0.5),
    whole: {
      body: Float32Array.from({ length: frames * BODY_NUMBERS }, (_, i) => i / 1000),
      listener: Uint16Array.from({ length: 2 * frames }, (_, i) => i),
      speaker: Uint16Array.from({ length: 2 * frames }, (_, i) => 255 - i),
    },
  };
  const source: MotionSource = {
    models: [{ network: 'face', version: '1', sha256: '00' }],
    sampler: {
      steps: { face: 1, body: 4 },
      eta: 0,
      seed: 1,
      guidance: { face: 1, body: 1 },
      codes: { temperature: 0.8, topK: 26 },
    },
    placement: 'vis-a-vis',
    relationship: 'none',
    lookahead: 2,
    phones: PHONES,
    backend: { backend: 'wasm', adapter: 'test', reason: 'asked for' },
    precision: 'f32',
  };
  const person = { sound: 'a.wav', durationS: 0.1, style: 0, facing: 1, emotion: 0, action: 'stand', motion };
  const json = JSON.parse(JSON.stringify(motionJson(source, [person, { ...person, style: 2 }])));
  expect(json).toMatchObject({
    format: 'duologue-motion',
    version: 2,
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
  expect(json.persons[0].turn).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(json.persons[1].listener[2]).toEqual([4, 5]);
  expect(json.persons[1].speaker[2]).toEqual([251, 250]);
  expect(json.persons[0].face).toHaveLength(frames);
  for (const name of ['jawOpen', 'mouthClose'] as const) {
    const c = json.channels.indexOf(name);
    expect(c).toBe(ARKIT_51.indexOf(name));
    expect(json.persons[0].face[2][c]).toBeCloseTo(motion.face[2 * FACE_CHANNELS + c], 5);
  }
});

test('motion.json: the body by name and unit; none where the networks have lips alone', () => {
  expect(BODY_CHANNELS).toHaveLength(BODY_NUMBERS);
  const names = BODY_CHANNELS.map(({ name }) => name);
  expect(new Set(names).size).toBe(BODY_NUMBERS);
  expect([names[0], names[3], names[4], names[25], names[58], names[64], names[65], names[74]]).toEqual([
    'root.x',
    'root.yaw',
    'hips.x',
    'spine.x',
    'leftHand.thumb',
    'leftHand.opposition',
    'rightHand.thumb',
    'head.z',
  ]);
});

type BvhJoint = { name: string; parent: number; offset: number[]; channels: string[]; at: number };

/** A small reader of BVH files: joints in file order, and the numbers of every frame. */
function readBvh(text: string) {
  const [head, motion] = text.split('MOTION\n');
  const joints: BvhJoint[] = [];
  const open: number[] = [];
  let channels = 0;
  let inEnd = false;
  for (const line of head.split('\n').map((l) => l.trim().split(/\s+/))) {
    const [word, ...rest] = line;
    if (word === 'ROOT' || word === 'JOINT')
      joints.push({ name: rest[0], parent: open.at(-1) ?? -1, offset: [], channels: [], at: channels });
    else if (word === 'End') inEnd = true;
    else if (word === '{') open.push(inEnd ? -2 : joints.length - 1);
    else if (word === '}') inEnd = open.pop() === -2 ? false : inEnd;
    else if (word === 'OFFSET' && !inEnd) joints[joints.length - 1].offset = rest.map(Number);
    else if (word === 'CHANNELS') {
      joints[joints.length - 1].channels = rest.slice(1);
      expect(Number(rest[0])).toBe(rest.length - 1);
      channels += rest.length - 1;
    }
  }
  expect(open).toEqual([]);
  const [count, time, ...rows] = motion.trimEnd().split('\n');
  const frames = rows.map((row) => row.split(' ').map(Number));
  expect(Number(count.split(':')[1])).toBe(frames.length);
  expect(frames.every((row) => row.length === channels && row.every(Number.isFinite))).toBe(true);
  return { joints, frames, frameTime: Number(time.split(':')[1]) };
}

type Place = { at: number[]; turn: number[][] };
const product = (a: number[][], b: number[][]) =>
  a.map((row) => b[0].map((_, c) => row.reduce((sum, x, k) => sum + x * b[k][c], 0)));
const axisTurn = (axis: string, degrees: number) => {
  const q = new Float64Array(4);
  const m = new Float64Array(9);
  quaternionInto(
    q,
    0,
    Float64Array.from('XYZ', (a) => (a === axis ? (degrees * Math.PI) / 180 : 0)),
    0,
  );
  matrixInto(m, q, 0);
  return [0, 3, 6].map((i) => Array.from(m.subarray(i, i + 3)));
};

/** World places (cm) of every joint in a frame of a BVH file, by its own rules. */
function placesOf(joints: BvhJoint[], frame: number[]) {
  const places: Place[] = [];
  for (const { parent, offset, channels, at } of joints) {
    const from = places[parent] ?? { at: [0, 0, 0], turn: product(axisTurn('X', 0), axisTurn('X', 0)) };
    let turn = from.turn;
    const local = [...offset];
    channels.forEach((channel, i) => {
      const axis = 'XYZ'.indexOf(channel[0]);
      if (channel.endsWith('position')) local[axis] += frame[at + i];
      else turn = product(turn, axisTurn(channel[0], frame[at + i]));
    });
    places.push({
      at: from.at.map((x, r) => x + from.turn[r].reduce((s, m, c) => s + m * local[c], 0)),
      turn,
    });
  }
  return new Map(joints.map(({ name }, j) => [name, places[j]]));
}

test('BVH: every joint stands where the body has it; fingers curl; 30 frames a second', () => {
  const frames = 24;
  const bodies = bodiesOf(
    (f, p, k) => {
      walk(0.6)(f, p, k);
      addLower(f, 'hips', 0.1, 0.2, -0.1);
      addUpper(f, 'leftUpperArm', 0.5, -0.6, 0.9);
      addUpper(f, 'chest', 0.2, 0.3, -0.1);
      f.lower[2] = 0.05;
    },
    frames,
    { head: () => [0.2, -0.1, 0.05] },
  );
  const own = new Float32Array(frames * BODY_NUMBERS);
  const partner = new Float32Array(frames * BODY_NUMBERS);
  for (let k = 0; k < frames; k++) {
    own.set(bodies.subarray(2 * k * BODY_NUMBERS, (2 * k + 1) * BODY_NUMBERS), k * BODY_NUMBERS);
    partner.set(bodies.subarray((2 * k + 1) * BODY_NUMBERS, (2 * k + 2) * BODY_NUMBERS), k * BODY_NUMBERS);
  }
  const text = bvh(own, partner);
  const { joints, frames: rows, frameTime } = readBvh(text);
  expect(rows).toHaveLength(frames);
  expect(frameTime).toBeCloseTo(1 / 30, 6);
  expect(joints).toHaveLength(JOINTS.length + 30);
  expect(joints.map(({ name }) => name)).toEqual(
    expect.arrayContaining([...JOINTS, 'leftThumbMetacarpal', 'rightLittleDistal']),
  );
  const figure = new Figure();
  for (const k of [0, 11, 23]) {
    figure.pose(bodies, 2 * k * BODY_NUMBERS, (2 * k + 1) * BODY_NUMBERS);
    const places = placesOf(joints, rows[k]);
    JOINTS.forEach((name, j) => {
      for (let i = 0; i < 3; i++)
        expect(places.get(name)?.at[i], `${name} ${k}`).toBeCloseTo(100 * figure.positions[3 * j + i], 1);
    });
  }
  expect(new Set(rows.map((row) => row.join())).size).toBeGreaterThan(10);

  // A reader that is not ours finds the same.
  const { skeleton, clip } = new BVHLoader().parse(text);
  const mixer = new AnimationMixer(skeleton.bones[0]);
  mixer.clipAction(clip).play();
  mixer.setTime(11 / 30);
  skeleton.bones[0].updateMatrixWorld(true);
  figure.pose(bodies, 22 * BODY_NUMBERS, 23 * BODY_NUMBERS);
  JOINTS.forEach((name, j) => {
    const at = skeleton.getBoneByName(name)?.getWorldPosition(new Vector3()).toArray() ?? [];
    for (let i = 0; i < 3; i++) expect(at[i], name).toBeCloseTo(100 * figure.positions[3 * j + i], 1);
  });
});

test('BVH: a fist closes to the palm on both sides', () => {
  const hand = (curl: number) => {
    const body = new Float32Array(BODY_NUMBERS);
    body[1] = 0.93;
    body.fill(curl, 58, 63);
    body.fill(curl, 65, 70);
    const { joints, frames } = readBvh(bvh(body, body));
    return placesOf(joints, frames[0]);
  };
  const [flat, fist] = [hand(0), hand(1)];
  for (const side of ['left', 'right']) {
    const tip = (places: typeof flat, finger: string) => places.get(`${side}${finger}Distal`)?.at ?? [];
    const wrist = flat.get(`${side}Hand`)?.at ?? [];
    for (const finger of ['Index', 'Middle', 'Ring', 'Little']) {
      expect(Math.abs(tip(flat, finger)[0] - wrist[0])).toBeGreaterThan(12);
      expect(tip(fist, finger)[1]).toBeLessThan(wrist[1] - 2); // the palm faces the floor
      expect(Math.abs(tip(fist, finger)[0] - wrist[0])).toBeLessThan(8);
    }
    expect(Math.abs(tip(fist, 'Thumb')[2] - wrist[2])).toBeLessThan(tip(flat, 'Thumb')[2] - wrist[2]);
    expect(tip(fist, 'Thumb')[1]).toBeLessThan(wrist[1] - 1);
  }
});
