import type { Arena, HostTensor, Tensor } from '../../kernels/tensor.ts';
import type { Checkpoint } from './checkpoint.ts';

/** A network's weights on the GPU, by their PyTorch names. */
export type Weights = (name: string) => Tensor;

/** Uploads every tensor of a checkpoint into one read-only buffer: halves stay halves. */
export function uploadWeights(arena: Arena, file: Checkpoint): Weights {
  const host = file.names.map((name): HostTensor => {
    const { dtype, shape, bytes } = file.tensor(name);
    return { name, dtype: dtype === 'F16' ? 'f16x2' : 'f32', shape, data: bytes };
  });
  const tensors = arena.weights(file.network, host);
  return (name) => {
    file.tensor(name); // throws `asset` by name when the file lacks it
    return tensors.get(name) as Tensor;
  };
}
