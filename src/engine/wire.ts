import { invariant } from '../errors.ts';
import {
  BODY_NUMBERS,
  FACE_CHANNELS,
  HAND_NUMBERS,
  type MotionFrame,
  PERSONS,
  SAMPLE_RATE_HZ,
} from './motion.ts';

/** A motion frame with what a listener elsewhere needs to place it. */
export type WireFrame = MotionFrame & {
  /** Names the sender's conversation; a later one has a later number (modulo 2^32). */
  readonly conversation: number;
  /** Counts the sender's frames over all conversations (modulo 2^32). */
  readonly sequence: number;
  /** The moment of the frame on the sender's audio clock, in seconds. */
  readonly timeS: number;
  /** Probability of voicing of each person. */
  readonly voicing: readonly [number, number];
  /** How much each person has the turn, 0 listening … 1 speaking. */
  readonly turn: readonly [number, number];
};

/** How loud a voice was on the sender's audio clock: by this a listener finds the same voice in what it hears. */
export type WireLevels = {
  /** The middle of the first value's span on the sender's audio clock, in seconds. */
  readonly timeS: number;
  /** Seconds from one value to the next. */
  readonly periodS: number;
  /** Levels in dB of full scale, −90…0; at most 255. */
  readonly levels: readonly number[];
};

/** Any message of the motion channel; `ping` and `pong` carry audio clock times in seconds. */
export type WireMessage =
  | { readonly kind: 'frame'; readonly frame: WireFrame }
  | { readonly kind: 'levels'; readonly levels: WireLevels }
  | { readonly kind: 'ping'; readonly sentS: number }
  | { readonly kind: 'pong'; readonly sentS: number; readonly answeredS: number };

const MAGIC = 0xd7;
const VERSION = 1;
const KINDS = ['frame', 'levels', 'ping', 'pong'] as const;
const PREFIX = 2;
const CHECK = 4;

const FACES = PERSONS * FACE_CHANNELS;
const FRAME_HEADER = PREFIX + 1 + 4 + 4 * 4;
const ROOT_NUMBERS = 4;
const HANDS = 2 * HAND_NUMBERS;
const HANDS_AT = BODY_NUMBERS - 3 - HANDS;
/** Exp-map numbers of both persons: an even count, so that two share three bytes. */
const ANGLES = PERSONS * (BODY_NUMBERS - ROOT_NUMBERS - HANDS);
const BODY_BYTES = PERSONS * (2 * ROOT_NUMBERS + HANDS) + (ANGLES * 3) / 2;

const ROOT_STEP = 1e-3;
const HAND_STEP = 1 / 127;
const ANGLE_STEPS = 4094;
const ANGLE_STEP = (2 * Math.PI) / ANGLE_STEPS;
const LEVEL_FLOOR = -90;
const LEVEL_STEP = -LEVEL_FLOOR / 255;

/** Bytes of a frame without and with bodies. */
export const WIRE_FRAME_BYTES = {
  face: FRAME_HEADER + FACES + CHECK,
  full: FRAME_HEADER + FACES + BODY_BYTES + CHECK,
} as const;

/**
 * The largest error that a number takes on its way: weights, exp-map components (rad; a rotation is off by at most √3 times
 * that, 0.08°), facing yaw (rad), root (m), hand numbers. Roots travel within ±32 m and yaw within ±32 rad.
 */
export const WIRE_ERROR = {
  weight: 0.5 / 255,
  angle: ANGLE_STEP / 2,
  yaw: ROOT_STEP / 2,
  rootM: ROOT_STEP / 2,
  hand: HAND_STEP / 2,
} as const;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function checksum(bytes: Uint8Array, length: number) {
  let crc = 0xffffffff;
  for (let i = 0; i < length; i++) crc = (crc >>> 8) ^ CRC[(crc ^ bytes[i]!) & 255]!;
  return (crc ^ 0xffffffff) >>> 0;
}

const clamp = (value: number, least: number, most: number) =>
  value >= least ? Math.min(most, value) : Number.isNaN(value) ? 0 : least;

const share = (value: number) => Math.round(255 * clamp(value, 0, 1));
const whole16 = (value: number, step: number) => Math.round(clamp(value / step, -32_767, 32_767));

/** Fits a time into 32 bits of 16 kHz samples: 74 hours. */
function samplesOf(timeS: number) {
  const samples = Math.round(timeS * SAMPLE_RATE_HZ);
  invariant(samples >= 0 && samples < 2 ** 32, `wire: a time of ${timeS} s, expected 0 to 74 hours`);
  return samples;
}

type Message = { readonly bytes: Uint8Array<ArrayBuffer>; readonly view: DataView };

function message(kind: (typeof KINDS)[number], length: number): Message {
  const bytes = new Uint8Array(length);
  bytes[0] = MAGIC;
  bytes[1] = (VERSION << 4) | KINDS.indexOf(kind);
  return { bytes, view: new DataView(bytes.buffer) };
}

function sealed({ bytes, view }: Message) {
  view.setUint32(bytes.length - CHECK, checksum(bytes, bytes.length - CHECK));
  return bytes;
}

/**
 * Writes a frame into {@link WIRE_FRAME_BYTES} bytes. Every frame stands alone, so nothing has to be asked for again after
 * a loss. Numbers are rounded to {@link WIRE_ERROR} and clamped to their range; what is not a number travels as 0.
 */
export function encodeFrame(frame: WireFrame): Uint8Array<ArrayBuffer> {
  const { face, body } = frame;
  invariant(face.length === FACES, `wire: face has ${face.length} numbers, expected ${FACES}`);
  const bodies = PERSONS * BODY_NUMBERS;
  invariant(!body || body.length === bodies, `wire: body has ${body?.length} numbers, expected ${bodies}`);
  const out = message('frame', body ? WIRE_FRAME_BYTES.full : WIRE_FRAME_BYTES.face);
  const { bytes, view } = out;
  bytes[2] = body ? 1 : 0;
  [...frame.voicing, ...frame.turn].forEach((value, i) => {
    bytes[3 + i] = share(value);
  });
  view.setUint32(7, frame.conversation);
  view.setUint32(11, frame.sequence);
  view.setUint32(15, frame.frameIndex);
  view.setUint32(19, samplesOf(frame.timeS));
  for (let i = 0; i < FACES; i++) bytes[FRAME_HEADER + i] = share(face[i]!);
  if (body) putBodies(view, FRAME_HEADER + FACES, body);
  return sealed(out);
}

function putBodies(view: DataView, at: number, body: Float32Array) {
  const angles: number[] = [];
  for (let p = 0; p < PERSONS; p++) {
    const from = p * BODY_NUMBERS;
    for (let i = 0; i < ROOT_NUMBERS; i++, at += 2) view.setInt16(at, whole16(body[from + i]!, ROOT_STEP));
    for (let i = 0; i < HANDS; i++, at++)
      view.setInt8(at, Math.round(clamp(body[from + HANDS_AT + i]!, -1, 1) / HAND_STEP));
    for (let i = ROOT_NUMBERS; i < BODY_NUMBERS; i++)
      if (i < HANDS_AT || i >= HANDS_AT + HANDS)
        angles.push(Math.round(clamp(body[from + i]!, -Math.PI, Math.PI) / ANGLE_STEP) + ANGLE_STEPS / 2);
  }
  for (let i = 0; i < ANGLES; i += 2, at += 3) {
    const [a, b] = [angles[i]!, angles[i + 1]!];
    view.setUint8(at, a >> 4);
    view.setUint8(at + 1, ((a & 15) << 4) | (b >> 8));
    view.setUint8(at + 2, b & 255);
  }
}

function takeBodies(view: DataView, at: number): Float32Array {
  const body = new Float32Array(PERSONS * BODY_NUMBERS);
  for (let p = 0; p < PERSONS; p++) {
    const from = p * BODY_NUMBERS;
    for (let i = 0; i < ROOT_NUMBERS; i++, at += 2) body[from + i] = view.getInt16(at) * ROOT_STEP;
    for (let i = 0; i < HANDS; i++, at++) body[from + HANDS_AT + i] = view.getInt8(at) * HAND_STEP;
  }
  let nibble = 0;
  for (let p = 0; p < PERSONS; p++)
    for (let i = ROOT_NUMBERS; i < BODY_NUMBERS; i++) {
      if (i >= HANDS_AT && i < HANDS_AT + HANDS) continue;
      const byte = at + (nibble >> 1);
      const pair = view.getUint16(byte);
      body[p * BODY_NUMBERS + i] = ((nibble & 1 ? pair & 4095 : pair >> 4) - ANGLE_STEPS / 2) * ANGLE_STEP;
      nibble += 3;
    }
  return body;
}

/** Writes levels; throws `bug` for more than 255 of them. */
export function encodeLevels({ timeS, periodS, levels }: WireLevels): Uint8Array<ArrayBuffer> {
  invariant(levels.length < 256, `wire: ${levels.length} levels, expected at most 255`);
  const out = message('levels', PREFIX + 7 + levels.length + CHECK);
  out.view.setUint32(PREFIX, samplesOf(timeS));
  out.view.setUint16(PREFIX + 4, Math.round(periodS * 1e6));
  out.view.setUint8(PREFIX + 6, levels.length);
  levels.forEach((level, i) => {
    out.bytes[PREFIX + 7 + i] = Math.round((clamp(level, LEVEL_FLOOR, 0) - LEVEL_FLOOR) / LEVEL_STEP);
  });
  return sealed(out);
}

/** Writes a question for the time. */
export function encodePing(sentS: number): Uint8Array<ArrayBuffer> {
  const out = message('ping', PREFIX + 8 + CHECK);
  out.view.setFloat64(PREFIX, sentS);
  return sealed(out);
}

/** Writes the answer to a ping: its time, and the answering clock's. */
export function encodePong(sentS: number, answeredS: number): Uint8Array<ArrayBuffer> {
  const out = message('pong', PREFIX + 16 + CHECK);
  out.view.setFloat64(PREFIX, sentS);
  out.view.setFloat64(PREFIX + 8, answeredS);
  return sealed(out);
}

/** Reads any message; undefined for what is not one: cut off, garbled, of another version or of another program. */
export function decodeMessage(bytes: Uint8Array): WireMessage | undefined {
  const { length } = bytes;
  if (length < PREFIX + CHECK || bytes[0] !== MAGIC || bytes[1]! >> 4 !== VERSION) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  if (view.getUint32(length - CHECK) !== checksum(bytes, length - CHECK)) return undefined;
  const kind = KINDS[bytes[1]! & 15];
  const size = length - PREFIX - CHECK;
  if (kind === 'frame') return decodeFrame(bytes, view);
  if (kind === 'levels' && size >= 7 && size === 7 + bytes[PREFIX + 6]!) return decodeLevels(bytes, view);
  if (kind === 'ping' && size === 8) return { kind, sentS: view.getFloat64(PREFIX) };
  if (kind === 'pong' && size === 16)
    return { kind, sentS: view.getFloat64(PREFIX), answeredS: view.getFloat64(PREFIX + 8) };
  return undefined;
}

function decodeFrame(bytes: Uint8Array, view: DataView): WireMessage | undefined {
  const full = (bytes[2]! & 1) === 1;
  if (bytes.length !== (full ? WIRE_FRAME_BYTES.full : WIRE_FRAME_BYTES.face)) return undefined;
  const face = new Float32Array(FACES);
  for (let i = 0; i < FACES; i++) face[i] = bytes[FRAME_HEADER + i]! / 255;
  const part = (at: number) => bytes[at]! / 255;
  return {
    kind: 'frame',
    frame: {
      voicing: [part(3), part(4)],
      turn: [part(5), part(6)],
      conversation: view.getUint32(7),
      sequence: view.getUint32(11),
      frameIndex: view.getUint32(15),
      timeS: view.getUint32(19) / SAMPLE_RATE_HZ,
      face,
      body: full ? takeBodies(view, FRAME_HEADER + FACES) : undefined,
    },
  };
}

function decodeLevels(bytes: Uint8Array, view: DataView): WireMessage {
  const first = PREFIX + 7;
  const levels = Array.from(
    bytes.subarray(first, first + bytes[PREFIX + 6]!),
    (level) => level * LEVEL_STEP + LEVEL_FLOOR,
  );
  const timeS = view.getUint32(PREFIX) / SAMPLE_RATE_HZ;
  return { kind: 'levels', levels: { timeS, periodS: view.getUint16(PREFIX + 4) / 1e6, levels } };
}
