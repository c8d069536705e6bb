import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { userEvent } from 'vitest/browser';
import { PcmSource } from '../../src/workers/pcm.ts';
import { attachVoice, type VoiceSource } from '../../src/workers/voice.ts';

let context: AudioContext;
let input: GainNode;
let peak: () => number;

beforeEach(async () => {
  context = new AudioContext();
  input = new GainNode(context);
  const mute = new GainNode(context, { gain: 0 });
  const meter = new AnalyserNode(context, { fftSize: 1024 });
  input.connect(meter).connect(mute).connect(context.destination);
  const samples = new Float32Array(1024);
  peak = () => {
    meter.getFloatTimeDomainData(samples);
    return samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  };
  await userEvent.click(document.body);
  await context.resume();
});

afterEach(() => context.close());

/** A track that hums, as loud as `gain`. */
function hum(gain = 0.5) {
  const tone = new OscillatorNode(context, { frequency: 300 });
  const level = new GainNode(context, { gain });
  const out = new MediaStreamAudioDestinationNode(context);
  tone.connect(level).connect(out);
  tone.start();
  return out.stream.getAudioTracks()[0];
}

const attach = (source: VoiceSource) => attachVoice(context, source, input, undefined);
const heard = (level: number) => vi.waitFor(() => expect(peak()).toBeCloseTo(level, 1), 5000);

/** What the browser does when a device or the other side of a call goes. */
function end(track: MediaStreamTrack) {
  track.stop();
  track.dispatchEvent(new Event('ended'));
}

test('a track is a voice; when it ends the voice is detached and says so', async () => {
  const track = hum();
  const voice = attach(track);
  expect(voice.state).toBe('live');
  await heard(0.5);
  track.enabled = false;
  expect(voice.state).toBe('muted');
  await heard(0);
  track.enabled = true;
  await heard(0.5);
  end(track);
  await voice.ended;
  expect(voice.state).toBe('ended');
  await heard(0);
  voice.detach();
});

test('a stream goes on with the track that replaces the one that ended', async () => {
  const [first, second] = [hum(0.5), hum(0.2)];
  const stream = new MediaStream([first]);
  const voice = attach(stream);
  await heard(0.5);
  const over = vi.fn();
  void voice.ended.then(over);
  end(first);
  expect(voice.state).toBe('muted');
  stream.addTrack(second);
  stream.dispatchEvent(new Event('addtrack')); // as a browser does, where not the page itself adds it
  expect(voice.state).toBe('live');
  await heard(0.2);
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(over).not.toHaveBeenCalled();
  end(second);
  await voice.ended;
  expect(voice.state).toBe('ended');
});

test('what cannot give sound is refused in plain words', () => {
  const track = hum();
  track.stop();
  expect(() => attach(track)).toThrow(/has ended already/);
  expect(() => attach(new MediaStream([track]))).toThrow(/has ended already/);
  expect(() => attach(new MediaStream())).toThrow(/no audio track/);
  const picture = document.createElement('canvas').captureStream().getVideoTracks()[0];
  expect(() => attach(picture)).toThrow(/track is one of video/);
  expect(() => attach('voice.mp3' as unknown as AudioNode)).toThrow(/cannot come from voice.mp3/);
});

test('pushed samples are a voice: detached it stays usable, and its end is the end of the voice', async () => {
  const source = new PcmSource(context);
  const first = attach(source);
  source.push(new Float32Array(48_000).fill(0.5), 48_000);
  await heard(0.5);
  first.detach();
  expect(first.state).toBe('ended');
  await heard(0);
  source.interrupt();
  const again = attach(source);
  source.push(new Float32Array(4800).fill(0.5), 48_000);
  source.end();
  await again.ended;
  expect(again.state).toBe('ended');
  const broken = attach(new PcmSource(context));
  broken.detach();
  broken.detach();
});

test('a node that its owner has taken away already is detached without a complaint', async () => {
  const tone = new OscillatorNode(context);
  const voice = attach(tone);
  expect(voice.state).toBe('live');
  tone.disconnect();
  voice.detach();
  await voice.ended;
});

test('a node or an element of another context is named, with the way round', async () => {
  const other = new AudioContext();
  const element = new Audio();
  other.createMediaElementSource(element);
  for (const [source, hint] of [
    [new GainNode(other), /MediaStreamAudioDestinationNode/],
    [element, /another element/],
  ] as const)
    expect(() => attach(source)).toThrow(
      expect.objectContaining({
        kind: 'unsupported',
        message: expect.stringContaining("another AudioContext than the conversation's"),
        hint: expect.stringMatching(hint),
      }),
    );
  // One that a conversation had which is over.
  const before = new Audio();
  attachVoice(other, before, new GainNode(other), undefined).detach();
  expect(() => attach(before)).toThrow('another AudioContext');
  await other.close();
});
