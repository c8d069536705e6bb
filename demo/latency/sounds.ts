/** Clicks and syllables, and when each begins, in seconds from the beginning. */
export type Stimuli = {
  readonly sound: AudioBuffer;
  readonly syllablesS: readonly number[];
  readonly clicksS: readonly number[];
};

/** Resonances of an open vowel, [Hz, bandwidth Hz]. */
const FORMANTS = [
  [730, 90],
  [1090, 110],
  [2440, 170],
] as const;
const SYLLABLE_S = 0.26;
const CLICK_S = 0.003;
const EVERY_S = 1.6;
/** So that nothing beats with frames, blocks or pictures. */
const JITTER_S = 0.0137;
const ATTACK_S = 0.008;

/** An open vowel of a voice that falls from 150 to 110 Hz, peak 0.5, with a hard onset. */
function syllable(rateHz: number): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(Math.round(SYLLABLE_S * rateHz));
  for (let i = 0, phase = 1; i < samples.length; i++) {
    phase += (150 - (40 * i) / samples.length) / rateHz;
    if (phase < 1) continue;
    phase -= 1;
    samples[i] = 1;
  }
  for (const [hz, width] of FORMANTS) {
    const r = Math.exp((-Math.PI * width) / rateHz);
    const [a, b] = [2 * r * Math.cos((2 * Math.PI * hz) / rateHz), -r * r];
    let [y1, y2] = [0, 0];
    for (let i = 0; i < samples.length; i++) {
      const y = samples[i]! + a * y1 + b * y2;
      [y1, y2] = [y, y1];
      samples[i] = y;
    }
  }
  const peak = samples.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  return samples.map((v, i) => {
    const [t, rest] = [i / rateHz, SYLLABLE_S - i / rateHz];
    return (v / peak) * 0.5 * Math.min(1, t / ATTACK_S, rest / 0.05);
  });
}

/** Syllables for so many seconds, every third of them a click if `clicking`. */
export function makeStimuli(rateHz: number, seconds: number, clicking: boolean): Stimuli {
  const sound = new AudioBuffer({ length: Math.ceil(seconds * rateHz), sampleRate: rateHz });
  const samples = sound.getChannelData(0);
  const said = syllable(rateHz);
  const [syllablesS, clicksS]: [number[], number[]] = [[], []];
  for (let n = 0; ; n++) {
    const atS = 0.5 + n * EVERY_S + (n % 7) * JITTER_S;
    if (atS + SYLLABLE_S + 0.3 > seconds) return { sound, syllablesS, clicksS };
    const at = Math.round(atS * rateHz);
    if (clicking && n % 3 === 2) {
      for (let i = 0; i < CLICK_S * rateHz; i++) samples[at + i] = i % 2 === 0 ? 0.7 : -0.7;
      clicksS.push(at / rateHz);
    } else {
      samples.set(said, at);
      syllablesS.push(at / rateHz);
    }
  }
}
