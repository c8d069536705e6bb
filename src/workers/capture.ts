import type { BleedReport } from '../engine/audio/bleed.report.ts';
import { blockLength } from '../engine/audio/block.ts';
import { PERSONS } from '../engine/motion.ts';
import { EngineError, invariant } from '../errors.ts';
import worklet from './capture.worklet.ts?worker&url';
import { makeStream, type StreamEnd, transferables } from './stream.ts';

/** Whether a voice that is only the other one's leak is ducked: when bleed is heard, or never. */
export type GateMode = 'auto' | 'off';

/** What is known of two voices that hear each other. */
export type Bleed = BleedReport & {
  /** Whether each person's voice is being ducked, because it is only the other's. */
  readonly ducked: readonly [boolean, boolean];
};

/** How the worklet is made; without reports and gate nobody looks for bleed. */
export type CaptureSetting = { readonly reports: boolean };

/** When a person's voice is heard after it was captured. */
export type PlayDelay = { readonly person: 0 | 1; readonly delayS: number };

/** Failures of the audio thread within FAILURES_WITHIN_MS after which it is not tried again. */
const MOST_FAILURES = 5;
const FAILURES_WITHIN_MS = 10_000;

/** How sound leaves the audio thread. */
export type CaptureOptions = {
  /** A ring in shared memory; the default is whether the page is isolated. Else blocks are transferred. */
  readonly shared?: boolean | undefined;
  /** Frames of a block; the default is the largest multiple of 128 within 3 ms, at least 128. */
  readonly hopFrames?: number | undefined;
  /** Blocks that may wait before sound is lost; the default holds two seconds. */
  readonly capacityBlocks?: number | undefined;
  /** Default `auto`: the gate leaves sound alone, bit for bit, until one voice is heard in the other's. */
  readonly gate?: GateMode | undefined;
  /** Hears when bleed comes, changes its kind or goes, and once a second while it is there. */
  readonly onBleed?: ((bleed: Bleed) => void) | undefined;
  /** Hears that the audio thread failed and captures anew, after which `renew` gives the only stream that goes on. */
  readonly onRestart?: ((error: EngineError) => void) | undefined;
};

/**
 * The default block is no longer than this, in seconds: the audio thread hands over in bursts, and an unfinished block waits
 * for the next one.
 */
const HOP_S = 0.003;

/** The most frames of whole render quanta (128 frames) within a time, at least one. */
export const hopWithin = (seconds: number, { sampleRate }: { readonly sampleRate: number }): number =>
  128 * Math.max(1, Math.floor((seconds * sampleRate) / 128));

/** Two voices on their way from the audio thread. */
export type Capture = {
  readonly hopFrames: number;
  /** The reading end: blocks as `engine/audio/block.ts` defines them. */
  readonly end: StreamEnd;
  /** A new reading end, which gets all blocks from now on; the one before gets none any more. */
  renew(): StreamEnd;
  /** What to connect person `person`'s sound to; many nodes of any channels mix down to one voice. */
  input(person: number): AudioNode;
  /** Turns the gate on or off from the next block on. */
  setGate(mode: GateMode): void;
  /**
   * Says that a person's voice is played, `delayS` after it was captured (delay for the lips and output latency), so that
   * bleed from the loudspeakers into the other microphone is looked for there. 0 for a voice that is not played.
   */
  setPlayDelay(person: 0 | 1, delayS: number): void;
  /** Stops the capture and takes the node out of the graph. */
  dispose(): void;
};

/**
 * Records what is played into two inputs from the real-time audio thread, as blocks of both voices stamped with the
 * context's frame. Blocks come while nothing is connected too, as silence. Throws `unsupported` when the worklet
 * cannot be loaded.
 */
export async function capture(context: BaseAudioContext, options: CaptureOptions = {}): Promise<Capture> {
  const { hopFrames = hopWithin(HOP_S, context) } = options;
  const { gate = 'auto', onBleed, onRestart } = options;
  const { capacityBlocks = (2 * context.sampleRate) / hopFrames } = options;
  invariant(Number.isInteger(hopFrames) && hopFrames > 0, `capture: hopFrames is ${hopFrames}`);
  await load(context);
  const inputs = Array.from(
    { length: PERSONS },
    () => new GainNode(context, { channelCount: 1, channelCountMode: 'explicit' }),
  );
  let settings: { gate: GateMode; delays: PlayDelay[] } = { gate, delays: [] };
  let failures: number[] = [];
  const open = () => {
    const node = openNode(context, inputs, { reports: onBleed !== undefined });
    node.port.postMessage(settings.gate);
    for (const delay of settings.delays) node.port.postMessage(delay);
    node.onprocessorerror = () => restart();
    return node;
  };
  const renew = () => {
    const { writer, reader } = makeStream(blockLength(hopFrames), capacityBlocks, { shared: options.shared });
    node.port.postMessage(writer, transferables(writer));
    return reader;
  };
  const hear = (ready: () => void) => {
    node.port.onmessage = ({ data }: MessageEvent<'ready' | Bleed>) => {
      if (data === 'ready') ready();
      else onBleed?.(data);
    };
  };
  const restart = () => {
    const now = performance.now();
    failures = [...failures.filter((at) => now - at < FAILURES_WITHIN_MS), now];
    for (const input of inputs) input.disconnect(node);
    node.disconnect();
    if (failures.length > MOST_FAILURES) {
      onRestart?.(
        new EngineError('bug', 'The audio thread fails again and again: nobody is heard any more.', {
          hint: 'Reload the page.',
        }),
      );
      return;
    }
    node = open();
    hear(() => undefined);
    onRestart?.(
      new EngineError('lost', 'The audio thread failed, and nobody was heard for a moment.', {
        hint: 'It goes on by itself: the voices are connected anew.',
      }),
    );
  };
  let node = open();
  const ready = new Promise<void>((resolve) => hear(resolve));
  const end = renew();
  // An offline context renders as soon as it is told to, so it must not be told before the worklet can write. A live
  // one may be suspended, and in some browsers answers only when it runs.
  if (context instanceof OfflineAudioContext) await ready;
  return {
    hopFrames,
    end,
    renew,
    input(person) {
      invariant(person in inputs, `capture: person ${person}, expected 0…${PERSONS - 1}`);
      return inputs[person];
    },
    setGate(mode) {
      settings = { ...settings, gate: mode };
      node.port.postMessage(mode);
    },
    setPlayDelay(person, delayS) {
      const delay: PlayDelay = { person, delayS };
      settings = { ...settings, delays: [...settings.delays.filter((old) => old.person !== person), delay] };
      node.port.postMessage(delay);
    },
    dispose() {
      node.port.postMessage('stop');
      for (const input of inputs) input.disconnect();
      node.disconnect();
    },
  };
}

/** The node that takes both voices; it gives silence to the context's destination, which keeps it running. */
function openNode(
  context: BaseAudioContext,
  inputs: readonly AudioNode[],
  processorOptions: CaptureSetting,
): AudioWorkletNode {
  const node = new AudioWorkletNode(context, 'capture', {
    processorOptions,
    numberOfInputs: PERSONS,
    numberOfOutputs: 1,
    outputChannelCount: [1],
    channelCount: 1,
    channelCountMode: 'explicit',
    channelInterpretation: 'speakers',
  });
  for (const [person, input] of inputs.entries()) input.connect(node, 0, person);
  node.connect(context.destination);
  return node;
}

async function load(context: BaseAudioContext) {
  if (!context.audioWorklet)
    throw new EngineError('unsupported', 'This page may not record sound: it has no audio worklets.', {
      hint: 'Open the page over https or from localhost.',
    });
  try {
    await context.audioWorklet.addModule(worklet);
  } catch (cause) {
    throw new EngineError('unsupported', `The capture worklet could not be loaded from ${worklet}.`, {
      hint: 'Serve that file as JavaScript, and let the Content-Security-Policy allow it as a script.',
      cause,
    });
  }
}
