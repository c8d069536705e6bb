// What both doors give, `duologue` and `duologue/core`.
export type { BackendInfo } from './engine/backend/backend.ts';
export type { BackendChoice } from './engine/backend/open.ts';
export type { PlacementPreset } from './engine/body/placement.ts';
export {
  ARKIT_51,
  BODY_NUMBERS,
  FRAME_RATE_HZ,
  LOWER_JOINTS,
  SAMPLE_RATE_HZ,
  UPPER_JOINTS,
} from './engine/motion.ts';
export type { Action, Emotion, Person, PersonConditions, Relationship } from './engine/person.ts';
export { EngineError, type ErrorKind } from './errors.ts';
export type { FrameIterator } from './frames.ts';
export type { DuologueStats } from './stats.ts';
export type { LoadingProgress, TalkOptions, VoiceOption } from './talk.options.ts';
export type { ArrivedFrame } from './workers/motion.player.ts';
export { type PcmOptions, PcmSource, type PcmStats } from './workers/pcm.ts';
export type { Voice, VoiceSource, VoiceState } from './workers/voice.ts';
