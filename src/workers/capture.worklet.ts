import { BLOCK_HEADER, blockFrames, stampBlock } from '../engine/audio/block.ts';
import { openWriter, type StreamEnd, type StreamWriter } from './stream.ts';

declare const currentFrame: number;
declare const registerProcessor: (name: string, processor: unknown) => void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

registerProcessor(
  'capture',
  class extends AudioWorkletProcessor {
    #writer: StreamWriter | undefined;
    #block = new Float32Array(0);
    #frame = 0; // of the block's first sample
    #filled = 0; // frames of the block
    #present = 0;
    #running = true;

    constructor() {
      super();
      this.port.onmessage = ({ data }: MessageEvent<StreamEnd | 'stop'>) => {
        if (data === 'stop') {
          this.#running = false;
          this.#writer?.close();
          return;
        }
        this.#writer = openWriter(data);
        this.#block = new Float32Array(data.blockLength);
        this.port.postMessage('ready');
      };
    }

    process(inputs: Float32Array[][], outputs: Float32Array[][]) {
      if (!this.#running || !this.#writer) return this.#running;
      const hop = blockFrames(this.#block.length);
      const quantum = outputs[0][0].length;
      if (currentFrame !== this.#frame + this.#filled) {
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
