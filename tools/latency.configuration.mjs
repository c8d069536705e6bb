// What is shipped, as the files say: part of `npm run latency`.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DEFAULT_STEPS } from '../src/engine/model/sampler.ts';

export const SHIPPED_MODELS = 'public/models';

/** What a weight file says about its network. */
function configOf(network) {
  const file = readFileSync(
    fileURLToPath(new URL(`../${SHIPPED_MODELS}/${network}.safetensors`, import.meta.url)),
  );
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE())).toString());
  return JSON.parse(header.__metadata__.config);
}

/** Look-ahead and blocks (frames of 1/30 s), DDIM steps and precision of what a tier runs. */
export function shippedConfiguration(tier) {
  const { lookahead } = configOf('speech-encoder');
  const precision = 'f16 weights, f32 arithmetic';
  if (tier === 'visemes') return { look_ahead: lookahead, block: { face: 1 }, steps: null, precision };
  return {
    look_ahead: lookahead,
    block: { face: configOf('face').period, body: configOf('body-lower').block },
    steps: DEFAULT_STEPS,
    precision,
  };
}
