// The motion worker, which a test can break: a message on the channel `faulty` says how.
import '../../src/workers/motion.worker.ts';

const wrap = (exports: WebAssembly.Exports) =>
  Object.fromEntries(
    Object.entries(exports).map(([name, value]) => [
      name,
      typeof value !== 'function'
        ? value
        : (...args: unknown[]) => {
            if (broken === 'oom') throw new RangeError('WebAssembly.Memory.grow(): Unable to grow memory');
            if (broken === 'stumble') {
              broken = undefined;
              throw new Error('a stumble');
            }
            return value(...args);
          },
    ]),
  );
let broken: string | undefined;
const { instantiate } = WebAssembly;
Object.assign(WebAssembly, {
  async instantiate(source: BufferSource, imports: WebAssembly.Imports) {
    const { module, instance } = await instantiate(source, imports);
    return { module, instance: { exports: wrap(instance.exports) } };
  },
});

const channel = new BroadcastChannel('faulty');
channel.onmessage = ({ data }: MessageEvent<string>) => {
  if (data === 'throw')
    setTimeout(() => {
      throw new Error('thrown by a test');
    });
  else if (data === 'close') self.close();
  else if (data === 'hang') for (;;);
  else broken = data;
};

await import('../../src/workers/motion.worker.ts');
