import { rmsDb } from '../engine/audio/levels.ts';
import { EngineError } from '../errors.ts';

/** Anything that can lend a person its voice. */
export type VoiceSource = MediaStream | AudioNode | HTMLMediaElement | AudioBuffer;

/** A voice that is attached to a person. */
export type Voice = {
  /** Takes the voice away; safe to call twice. */
  detach(): void;
  /** Resolves when the sound has ended or was detached; a live track ends when its device goes. */
  readonly ended: Promise<void>;
};

/** An element may be given to Web Audio once only, so its node is kept for as long as the element lives. */
const ELEMENT_NODES = new WeakMap<HTMLMediaElement, MediaElementAudioSourceNode>();

type Opened = { readonly node: AudioNode; readonly ended: Promise<void>; close(): void };

function openStream(context: AudioContext, stream: MediaStream): Opened {
  const tracks = stream.getAudioTracks();
  if (tracks.length === 0)
    throw new EngineError('unsupported', 'The media stream has no audio track.', {
      hint: 'Ask getUserMedia for { audio: true }, or attach the stream after its track has arrived.',
    });
  // Chromium gives silence for a remote track until a media element plays it, muted or not.
  const puller = new Audio();
  puller.muted = true;
  puller.srcObject = stream;
  puller.play().catch(() => undefined); // a stream that needs no pulling works without
  const node = context.createMediaStreamSource(stream);
  const ended = new Promise<void>((resolve) => {
    if (tracks[0].readyState === 'ended') resolve();
    tracks[0].addEventListener('ended', () => resolve(), { once: true });
  });
  return {
    node,
    ended,
    close() {
      puller.srcObject = null;
    },
  };
}

function openElement(context: AudioContext, element: HTMLMediaElement): Opened {
  const node = ELEMENT_NODES.get(element) ?? context.createMediaElementSource(element);
  ELEMENT_NODES.set(element, node);
  const ended = new Promise<void>((resolve) =>
    element.addEventListener('ended', () => resolve(), { once: true }),
  );
  return { node, ended, close: () => undefined };
}

function openBuffer(context: AudioContext, buffer: AudioBuffer): Opened {
  const node = new AudioBufferSourceNode(context, { buffer });
  const ended = new Promise<void>((resolve) => {
    node.onended = () => resolve();
  });
  node.start();
  return { node, ended, close: () => node.stop() };
}

function open(context: AudioContext, source: VoiceSource): Opened {
  if (source instanceof MediaStream) return openStream(context, source);
  if (source instanceof AudioBuffer) return openBuffer(context, source);
  if (source instanceof HTMLMediaElement) return openElement(context, source);
  if (source instanceof AudioNode)
    return { node: source, ended: new Promise(() => undefined), close: () => undefined };
  throw new EngineError('unsupported', `A voice cannot come from ${String(source)}.`, {
    hint: 'Attach a MediaStream, an AudioNode, an audio or video element, or an AudioBuffer.',
  });
}

/** Connects a source to a person's input and, where it is to be heard, to `output`. */
export function attachVoice(
  context: AudioContext,
  source: VoiceSource,
  input: AudioNode,
  output: AudioNode | undefined,
): Voice {
  const { node, ended, close } = open(context, source);
  node.connect(input);
  if (output) node.connect(output);
  let detached: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => {
    detached = resolve;
  });
  let attached = true;
  return {
    ended: Promise.race([ended, gone]),
    detach() {
      if (!attached) return;
      attached = false;
      node.disconnect(input);
      if (output) node.disconnect(output);
      close();
      detached();
    },
  };
}

/** Measures the level of whatever goes through `node`; returns the RMS level in dB over the last 43 ms or so. */
export function levelMeter(node: AudioNode): () => number {
  const analyser = new AnalyserNode(node.context, { fftSize: 2048 });
  node.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return () => {
    analyser.getFloatTimeDomainData(samples);
    return rmsDb(samples);
  };
}
