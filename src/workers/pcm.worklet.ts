import { JitterBuffer, type JitterOptions } from '../engine/audio/jitter.ts';

/** What the page tells the worklet; `flush` says that nothing follows for now. The worklet answers with its figures. */
export type PcmOrder =
  | { readonly samples: Float32Array<ArrayBuffer>; readonly rateHz: number }
  | 'flush'
  | 'interrupt'
  | 'stop';

/** How the worklet is made; it says nothing before the context time `fromS`. */
export type PcmSetting = JitterOptions & { readonly fromS: number };

declare const sampleRate: number;
declare const currentTime: number;
declare const registerProcessor: (name: string, processor: unknown) => void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

/** Quanta between two reports while something waits: 50 ms or so. */
const REPORT_EVERY = 20;

registerProcessor(
  'pcm',
  class extends AudioWorkletProcessor {
    readonly #buffer: JitterBuffer;
    readonly #fromS: number;
    #running = true;
    #quanta = 0;
    #finished = true;

    constructor({ processorOptions }: { processorOptions: PcmSetting }) {
      super();
      this.#fromS = processorOptions.fromS;
      this.#buffer = new JitterBuffer(sampleRate, processorOptions);
      this.port.onmessage = ({ data }: MessageEvent<PcmOrder>) => this.#obey(data);
    }

    process(_: Float32Array[][], [[output]]: Float32Array[][]) {
      if (currentTime >= this.#fromS) this.#buffer.render(output);
      const { finished } = this.#buffer;
      // The page waits for the end, so it hears of it at once.
      if ((finished && !this.#finished) || ++this.#quanta >= REPORT_EVERY) {
        this.#quanta = 0;
        this.port.postMessage(this.#buffer.stats);
      }
      this.#finished = finished;
      return this.#running;
    }

    #obey(order: PcmOrder) {
      if (order === 'stop') {
        this.#running = false;
        this.port.postMessage(this.#buffer.stats);
      } else if (order === 'interrupt') this.#buffer.interrupt();
      else if (order === 'flush') this.#buffer.end();
      else this.#buffer.push(order.samples, order.rateHz);
    }
  },
);
