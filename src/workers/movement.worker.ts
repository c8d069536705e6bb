import { movementModels } from '../engine/backend/models.ts';
import type { Movement } from '../engine/backend/movement.ts';
import { openMovement } from '../engine/backend/wasm.movement.ts';
import { useRuntime } from '../engine/backend/wasm.session.ts';
import { invariant } from '../errors.ts';
import type { MovementWorker } from './movement.protocol.ts';
import { serve } from './rpc.ts';

let opened: Movement | undefined;

const movement = () => {
  invariant(opened, 'movement worker: open() has not been called');
  return opened;
};

serve<MovementWorker>({
  async open({ files, graphs, runtime, options }) {
    useRuntime(runtime);
    opened = await openMovement(movementModels(files), graphs, options);
  },
  hear: (token, shown) => movement().hear(token, shown),
  move: (work, head) => movement().move(work, head),
  encode: (motion) => movement().encode(motion),
  setConditions: (conditions) => movement().setConditions(conditions),
  save: () => movement().save(),
  restore: (state) => movement().restore(state),
  reset: (placement) => movement().reset(placement),
});
