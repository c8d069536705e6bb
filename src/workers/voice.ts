import { rmsDb } from '../engine/audio/levels.ts';
import { EngineError } from '../errors.ts';
import { PcmSource } from './pcm.ts';

/** Anything that can lend a person its voice. */
export type VoiceSource =
  | MediaStream
  | MediaStreamTrack
  | AudioNode
  | HTMLMediaElement
  | AudioBuffer
  | PcmSource;

/**
 * Whether a voice gives sound: `live`; `muted`, when the system or the other side of a call holds a track back, so that
 * it gives silence and may come back; `ended`, when it will give nothing any more.
 */
export type VoiceState = 'live' | 'muted' | 'ended';

/** A voice that is attached to a person. */
export type Voice = {
  /** What the voice gives now. */
  readonly state: VoiceState;
  /** Takes the voice away; safe to call twice. */
  detach(): void;
  /**
   * Resolves when the sound has ended or was detached. A live track ends when its device goes or the call does, and is
   * detached by that; a stream that goes on with another track does not end.
   */
  readonly ended: Promise<void>;
};

/** An element may be given to Web Audio once only, so its node is kept for as long as the element lives. */
const ELEMENT_NODES = new WeakMap<HTMLMediaElement, MediaElementAudioSourceNode>();

/** How long a stream may be without a live track before its voice has ended: a call that changes its track takes a moment. */
const TRACK_CHANGE_MS = 500;

type Opened = {
  readonly node: AudioNode;
  readonly ended: Promise<void>;
  state?(): VoiceState;
  close(): void;
};

const live = (track: MediaStreamTrack) => track.readyState === 'live';

/** A stream's sound: always of its first live track, whichever that is; it has ended when there has been none for a while. */
class StreamVoice implements Opened {
  readonly node: GainNode;
  readonly ended: Promise<void>;
  readonly #context: AudioContext;
  readonly #stream: MediaStream;
  readonly #puller = new Audio();
  readonly #followed = new Set<MediaStreamTrack>();
  readonly #changed = () => this.#follow();
  #track: MediaStreamTrack | undefined;
  #source: MediaStreamAudioSourceNode | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  #end: () => void = () => undefined;

  constructor(context: AudioContext, stream: MediaStream) {
    this.#context = context;
    this.#stream = stream;
    this.node = new GainNode(context);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    // Chromium gives silence for a remote track until a media element plays it, muted or not.
    this.#puller.muted = true;
    this.#puller.srcObject = stream;
    this.#puller.play().catch(() => undefined); // a stream that needs no pulling works without
    for (const name of ['addtrack', 'removetrack']) stream.addEventListener(name, this.#changed);
    this.#follow();
  }

  state(): VoiceState {
    const track = this.#track;
    if (this.#over || (track && !live(track))) return 'ended'; // a track that the page itself stops says nothing
    return track && !track.muted && track.enabled ? 'live' : 'muted';
  }

  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    for (const name of ['addtrack', 'removetrack']) this.#stream.removeEventListener(name, this.#changed);
    for (const track of this.#followed) track.removeEventListener('ended', this.#changed);
    this.#source?.disconnect();
    this.#puller.srcObject = null;
    this.#end();
  }

  /** Takes the first live track, if it is another one, or waits a moment for one. */
  #follow() {
    const tracks = this.#stream.getAudioTracks();
    for (const track of tracks) {
      if (!this.#followed.has(track)) track.addEventListener('ended', this.#changed);
      this.#followed.add(track);
    }
    const next = tracks.find(live);
    if (next === this.#track && next) return;
    clearTimeout(this.#timer);
    this.#track = next;
    this.#source?.disconnect();
    this.#source = undefined;
    if (next) {
      this.#source = this.#context.createMediaStreamSource(new MediaStream([next]));
      this.#source.connect(this.node);
    } else
      this.#timer = setTimeout(() => {
        this.#over = true;
        this.#end();
      }, TRACK_CHANGE_MS);
  }
}

function openStream(context: AudioContext, stream: MediaStream): Opened {
  const tracks = stream.getAudioTracks();
  if (tracks.length === 0)
    throw new EngineError('unsupported', 'The media stream has no audio track.', {
      hint: 'Ask getUserMedia for { audio: true }, or attach the stream after its track has arrived.',
    });
  if (!tracks.some(live))
    throw new EngineError('unsupported', 'The audio track of the media stream has ended already.', {
      hint: 'A track ends when its device is unplugged, when it is stopped or when the call is over: get a new one.',
    });
  return new StreamVoice(context, stream);
}

function openTrack(context: AudioContext, track: MediaStreamTrack): Opened {
  if (track.kind !== 'audio')
    throw new EngineError('unsupported', `The track is one of ${track.kind}, expected one of audio.`, {
      hint: 'Attach stream.getAudioTracks()[0], or the stream itself.',
    });
  return openStream(context, new MediaStream([track]));
}

function openElement(context: AudioContext, element: HTMLMediaElement): Opened {
  const node = ELEMENT_NODES.get(element) ?? elementNode(context, element);
  ELEMENT_NODES.set(element, node);
  const ended = new Promise<void>((resolve) =>
    element.addEventListener('ended', () => resolve(), { once: true }),
  );
  return { node, ended, close: () => undefined };
}

function elementNode(context: AudioContext, element: HTMLMediaElement) {
  try {
    return context.createMediaElementSource(element);
  } catch (cause) {
    throw elsewhere(element, cause);
  }
}

/** A sound that belongs to another context, from which nothing can be connected to ours. */
function elsewhere(source: VoiceSource, cause?: unknown): EngineError {
  const isElement = source instanceof HTMLMediaElement;
  const what = isElement ? 'The element already gives its sound to' : 'The audio node belongs to';
  return new EngineError('unsupported', `${what} another AudioContext than the conversation's.`, {
    hint: isElement
      ? 'Browsers allow one context for the life of an element: attach another element, or its captureStream().'
      : 'Make the node with the `context` of the conversation, or attach the stream of a MediaStreamAudioDestinationNode.',
    cause,
  });
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
  if (source instanceof PcmSource) return { node: source.node, ended: source.ended, close: () => undefined };
  if (source instanceof MediaStreamTrack) return openTrack(context, source);
  if (source instanceof MediaStream) return openStream(context, source);
  if (source instanceof AudioBuffer) return openBuffer(context, source);
  if (source instanceof HTMLMediaElement) return openElement(context, source);
  if (source instanceof AudioNode)
    return { node: source, ended: new Promise(() => undefined), close: () => undefined };
  throw new EngineError('unsupported', `A voice cannot come from ${String(source)}.`, {
    hint: 'Attach a MediaStream, a MediaStreamTrack, an AudioNode, an audio or video element, an AudioBuffer or a PcmSource.',
  });
}

/** Takes a node from another; its owner may have done so already. */
function disconnect(node: AudioNode, from: AudioNode) {
  try {
    node.disconnect(from);
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'InvalidAccessError')) throw error;
  }
}

/** Connects a source to a person's input and, where it is to be heard, to `output`. */
export function attachVoice(
  context: AudioContext,
  source: VoiceSource,
  input: AudioNode,
  output: AudioNode | undefined,
): Voice {
  const opened = open(context, source);
  const { node } = opened;
  if (node.context !== context) throw elsewhere(source);
  node.connect(input);
  if (output) node.connect(output);
  let attached = true;
  let gone: () => void = () => undefined;
  const detached = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const detach = () => {
    if (!attached) return;
    attached = false;
    disconnect(node, input);
    if (output) disconnect(node, output);
    opened.close();
    gone();
  };
  // A file may be played again, so an element stays; everything else that has ended will never give sound again.
  const replayable = source instanceof HTMLMediaElement;
  return {
    get state() {
      return attached ? (opened.state?.() ?? 'live') : 'ended';
    },
    ended: Promise.race([opened.ended.then(() => (replayable ? undefined : detach())), detached]),
    detach,
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
