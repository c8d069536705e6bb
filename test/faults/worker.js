// Stands before a worker's script, the one of motion or the one of movement beside it: breaks it when the page says so on a
// channel. The product knows none of it.
{
  const OWN = self.location.pathname.includes('/movement.worker') ? 'movement' : 'motion';
  let exhausted = false;
  const wrap = (exports) =>
    Object.fromEntries(
      Object.entries(exports).map(([name, value]) => [
        name,
        typeof value !== 'function'
          ? value
          : (...args) => {
              if (exhausted) throw new RangeError('fault: WebAssembly.Memory.grow(): Unable to grow memory');
              return value(...args);
            },
      ]),
    );
  const { instantiate } = WebAssembly;
  WebAssembly.instantiate = async (source, imports) => {
    const made = await instantiate.call(WebAssembly, source, imports);
    if (!('module' in made)) return made;
    return { module: made.module, instance: { exports: wrap(made.instance.exports) } };
  };

  const devices = [];
  if (self.GPUAdapter) {
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await requestDevice.apply(this, args);
      devices.push(device);
      return device;
    };
  }

  const FAULTS = {
    throw() {
      setTimeout(() => {
        throw new Error(`fault: thrown in the ${OWN} worker`);
      });
    },
    close() {
      self.close();
    },
    hang(ms) {
      for (const until = performance.now() + ms; performance.now() < until; );
    },
    memory() {
      exhausted = true;
    },
    device() {
      for (const device of devices.splice(0)) device.destroy();
    },
  };
  new BroadcastChannel('duologue-faults').onmessage = ({ data: { who, fault, ms } }) => {
    if (who === OWN) FAULTS[fault](ms);
  };
}
