export * from './both.ts';
export { Core } from './engine/core/core.ts';
export type { CoreFrame, CoreState, CoreStats } from './engine/core/frame.ts';
export { type CoreOptions, createCore } from './engine/core/open.ts';
export type { DuologueEvents, PersonEvent, TierChange } from './events.ts';
export type { Microphones } from './live/microphones.ts';
export type { Talk } from './talk.ts';
export { createTalk } from './unseen.ts';
