// The motion worker on devices that a test can destroy: a message on the channel `mortal` destroys all of them.
import '../../src/workers/motion.worker.ts';

const devices: GPUDevice[] = [];
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...args) {
  const device = await requestDevice.apply(this, args);
  devices.push(device);
  return device;
};
const channel = new BroadcastChannel('mortal');
channel.onmessage = () => {
  for (const device of devices.splice(0)) device.destroy();
};
