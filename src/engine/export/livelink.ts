import { ARKIT_51, type ArkitChannel, FACE_CHANNELS, FRAME_RATE_HZ } from '../motion.ts';

/** The 52 ARKit weights in the column order of Epic's Live Link Face app. */
export const LIVE_LINK_WEIGHTS = [
  'EyeBlinkLeft',
  'EyeLookDownLeft',
  'EyeLookInLeft',
  'EyeLookOutLeft',
  'EyeLookUpLeft',
  'EyeSquintLeft',
  'EyeWideLeft',
  'EyeBlinkRight',
  'EyeLookDownRight',
  'EyeLookInRight',
  'EyeLookOutRight',
  'EyeLookUpRight',
  'EyeSquintRight',
  'EyeWideRight',
  'JawForward',
  'JawRight',
  'JawLeft',
  'JawOpen',
  'MouthClose',
  'MouthFunnel',
  'MouthPucker',
  'MouthRight',
  'MouthLeft',
  'MouthSmileLeft',
  'MouthSmileRight',
  'MouthFrownLeft',
  'MouthFrownRight',
  'MouthDimpleLeft',
  'MouthDimpleRight',
  'MouthStretchLeft',
  'MouthStretchRight',
  'MouthRollLower',
  'MouthRollUpper',
  'MouthShrugLower',
  'MouthShrugUpper',
  'MouthPressLeft',
  'MouthPressRight',
  'MouthLowerDownLeft',
  'MouthLowerDownRight',
  'MouthUpperUpLeft',
  'MouthUpperUpRight',
  'BrowDownLeft',
  'BrowDownRight',
  'BrowInnerUp',
  'BrowOuterUpLeft',
  'BrowOuterUpRight',
  'CheekPuff',
  'CheekSquintLeft',
  'CheekSquintRight',
  'NoseSneerLeft',
  'NoseSneerRight',
  'TongueOut',
] as const;

/** The head and eye columns after the weights, in radians. */
export const LIVE_LINK_ROTATIONS = [
  'HeadYaw',
  'HeadPitch',
  'HeadRoll',
  'LeftEyeYaw',
  'LeftEyePitch',
  'LeftEyeRoll',
  'RightEyeYaw',
  'RightEyePitch',
  'RightEyeRoll',
] as const;

type Column = (typeof LIVE_LINK_WEIGHTS)[number] | (typeof LIVE_LINK_ROTATIONS)[number];

const COLUMNS: readonly Column[] = [...LIVE_LINK_WEIGHTS, ...LIVE_LINK_ROTATIONS];

/** Time code counts in sixtieths, whatever the frame rate: so the app writes it and Unreal's importer reads it. */
const TIMECODE_RATE_HZ = 60;

/** Eye rotation at a look weight of 1, in radians: least squares over recordings of the app (r > 0.99). */
const EYE_YAW_RAD = 0.6;
const EYE_DOWN_RAD = 0.62;
const EYE_UP_RAD = 0.45;

const channelAt = (name: ArkitChannel) => ARKIT_51.indexOf(name);

/** The channel of each weight column, −1 for TongueOut, which no network gives. */
const CHANNEL_OF_COLUMN = LIVE_LINK_WEIGHTS.map((name) =>
  (ARKIT_51 as readonly string[]).indexOf(name[0].toLowerCase() + name.slice(1)),
);

const LOOK = {
  Left: {
    in: channelAt('eyeLookInLeft'),
    out: channelAt('eyeLookOutLeft'),
    up: channelAt('eyeLookUpLeft'),
    down: channelAt('eyeLookDownLeft'),
  },
  Right: {
    in: channelAt('eyeLookInRight'),
    out: channelAt('eyeLookOutRight'),
    up: channelAt('eyeLookUpRight'),
    down: channelAt('eyeLookDownRight'),
  },
};

/**
 * Face frames [n, 51], row-major, as the text of a Live Link Face recording: one row a frame, frame k at k/30 s
 * from 00:00:00:00. The head columns are 0; the eyes' yaw (positive to the person's right) and pitch (positive
 * down) come from the look weights.
 */
export function liveLinkCsv(face: Float32Array): string {
  const frames = face.length / FACE_CHANNELS;
  const lines = [`Timecode,BlendShapeCount,${COLUMNS.join(',')}`];
  for (let k = 0; k < frames; k++) {
    const frame = face.subarray(k * FACE_CHANNELS, (k + 1) * FACE_CHANNELS);
    const weights = CHANNEL_OF_COLUMN.map((channel) => (channel < 0 ? 0 : frame[channel]));
    const values = [...weights, 0, 0, 0, ...eyeRotation(frame, 'Left'), ...eyeRotation(frame, 'Right')];
    lines.push(`${timecode(k)},${COLUMNS.length},${values.map((value) => value.toFixed(10)).join(',')}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Frame k's time as HH:MM:SS:FF.sss. */
function timecode(frameIndex: number): string {
  const seconds = Math.floor(frameIndex / FRAME_RATE_HZ);
  const ticks = ((frameIndex % FRAME_RATE_HZ) * TIMECODE_RATE_HZ) / FRAME_RATE_HZ;
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${clock.map((n) => String(n).padStart(2, '0')).join(':')}:${ticks.toFixed(3).padStart(6, '0')}`;
}

/** Yaw, pitch and roll of an eye, in radians. */
function eyeRotation(frame: Float32Array, side: 'Left' | 'Right'): [number, number, number] {
  const look = LOOK[side];
  const inward = frame[look.in] - frame[look.out]; // towards the nose: for the left eye the person's right
  const pitch = EYE_DOWN_RAD * frame[look.down] - EYE_UP_RAD * frame[look.up];
  return [EYE_YAW_RAD * (side === 'Left' ? inward : -inward), pitch, 0];
}
