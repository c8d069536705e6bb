import type { BleedReport } from '../engine/audio/bleed.report.ts';
import { BleedDetector } from '../engine/audio/bleed.ts';
import { BLOCK_HEADER, blockFrames, stampBlock } from '../engine/audio/block.ts';
import { BleedGate } from '../engine/audio/gate.ts';
import type { Bleed, CaptureSetting, GateMode, PlayDelay } from './capture.ts';
import { openWriter, type StreamEnd, type StreamWriter } from './stream.ts';

declare const currentFrame: number;
declare const sampleRate: number;
declare const registerProcessor: (name: string, processor: unknown) => void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

/** Windows of the detector between two reports while bleed lasts: a second. */
const REPORT_EVERY = 16;

/** Watches both voices of a block for bleed and ducks what is only the other's. */
class Watch {
  gating = true;
  readonly #reports: boolean;
  readonly #detector: BleedDetector;
  readonly #gate: BleedGate;
  readonly #hop: number;
  #report: BleedReport;
  #sinceReport = 0;

  constructor(hop: number, { reports }: CaptureSetting) {
    this.#hop = hop;
    this.#reports = reports;
    this.#detector = new BleedDetector(sampleRate, hop);
    this.#gate = new BleedGate(sampleRate, hop);
    this.#report = this.#detector.report;
  }

  /** See {@link BleedDetector.setDelay}. */
  setDelay({ person, delayS }: PlayDelay) {
    this.#detector.setDelay(person, delayS);
  }

  /** What to tell the page after this block, if anything. */
  take(block: Float32Array): Bleed | undefined {
    if (!this.gating && !this.#reports) return undefined;
    const other = BLOCK_HEADER + this.#hop;
    const { kind } = this.#report;
    const analysed = this.#detector.push(block, BLOCK_HEADER, other, this.#hop);
    if (analysed) this.#report = this.#detector.report;
    if (this.gating) this.#gate.apply(block, BLOCK_HEADER, other, this.#report);
    if (!analysed) return undefined;
    const changed = this.#report.kind !== kind;
    if (!changed && (this.#report.kind === 'none' || ++this.#sinceReport < REPORT_EVERY)) return undefined;
    this.#sinceReport = 0;
    const [a, b] = this.#gate.states;
    return { ...this.#report, ducked: [this.gating && a.closed, this.gating && b.closed] };
  }
}

registerProcessor(
  'capture',
  class extends AudioWorkletProcessor {
    #writer: StreamWriter | undefined;
    #watch: Watch | undefined;
    #gate: GateMode = 'auto';
    #block = new Float32Array(0);
    #frame = 0; // of the block's first sample
    #filled = 0; // frames of the block
    #present = 0;
    #running = true;
    readonly #delays: PlayDelay[] = []; // told before the first stream

    constructor({ processorOptions }: { processorOptions: CaptureSetting }) {
      super();
      this.port.onmessage = ({ data }: MessageEvent<StreamEnd | 'stop' | GateMode | PlayDelay>) => {
        if (data === 'auto' || data === 'off') {
          this.#gate = data;
          if (this.#watch) this.#watch.gating = data === 'auto';
          return;
        }
        if (data === 'stop') {
          this.#running = false;
          this.#writer?.close();
          return;
        }
        if ('delayS' in data) {
          if (this.#watch) this.#watch.setDelay(data);
          else this.#delays.push(data);
          return;
        }
        this.#writer?.close();
        this.#writer = openWriter(data);
        if (!this.#watch) {
          this.#block = new Float32Array(data.blockLength);
          this.#watch = new Watch(blockFrames(data.blockLength), processorOptions);
          this.#watch.gating = this.#gate === 'auto';
          for (const delay of this.#delays) this.#watch.setDelay(delay);
        }
        this.port.postMessage('ready');
      };
    }

    process(inputs: Float32Array[][], outputs: Float32Array[][]) {
      if (!this.#running || !this.#writer) return this.#running;
      const hop = blockFrames(this.#block.length);
      const quantum = outputs[0][0].length;
      // Chromium leaves `currentFrame` behind while the page changes its graph: only forwards is it to be believed.
      if (currentFrame > this.#frame + this.#filled) {
        this.#frame = currentFrame;
        this.#filled = 0;
        this.#present = 0;
      }
      for (let done = 0; done < quantum; ) {
        const count = Math.min(quantum - done, hop - this.#filled);
        for (let person = 0; person < inputs.length; person++) {
          const samples = inputs[person][0]; // the node mixes down to one channel, or none
          const to = BLOCK_HEADER + person * hop + this.#filled;
          for (let i = 0; i < count; i++) {
            const x = samples ? samples[done + i] : 0;
            // Browsers differ in whether an input that nothing plays into has channels; zeros are zeros everywhere.
            if (x !== 0) this.#present |= 1 << person;
            this.#block[to + i] = x;
          }
        }
        done += count;
        this.#filled += count;
        if (this.#filled < hop) continue;
        const bleed = this.#watch?.take(this.#block);
        if (bleed) this.port.postMessage(bleed);
        stampBlock(this.#block, this.#frame, this.#present);
        this.#writer.push(this.#block);
        this.#frame += hop;
        this.#filled = 0;
        this.#present = 0;
      }
      return true;
    }
  },
);
