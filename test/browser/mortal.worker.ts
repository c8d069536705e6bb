// The motion worker on devices that a test can break: a message on the channel `mortal` destroys all of them, or tells
// them that memory is used up.
import '../../src/workers/motion.worker.ts';

const devices: GPUDevice[] = [];
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  devices.push(device);
  return device;
};
const channel = new BroadcastChannel('mortal');
channel.onmessage = ({ data }: MessageEvent<'destroy' | 'memory'>) => {
  for (const device of devices.splice(0)) {
    const error = new GPUOutOfMemoryError('no memory');
    if (data === 'destroy') device.destroy();
    else device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
  }
};
