import { EngineError } from '../../errors.ts';
import { CALM, FULL, type Intensity } from './puppet.ts';

/** Ready-made intensities: all of it, calm for those whom much motion distracts, and only lips, blinks. */
export type IntensityPreset = 'full' | 'calm' | 'still';

/**
 * How much a person moves, region by region, 0 still … 1 all; what is left out is 1. `face`: expression (lips and blinks
 * always move). `head`: head and eyes; at 0 both rest on whom the person looks at. `hands`: arms and hands. `body`: spine,
 * breath, weight, legs and steps; at 0 the person stands, or sits, still where it is.
 */
export type IntensityChoice = IntensityPreset | Partial<Intensity>;

/** The ready-made intensities. */
export const INTENSITIES: Readonly<Record<IntensityPreset, Intensity>> = {
  full: FULL,
  calm: CALM,
  still: { face: 0, head: 0, hands: 0, body: 0 },
};

const REGIONS = ['face', 'head', 'hands', 'body'] as const;
const EASE_S = 0.35;

/** The intensity that was chosen; throws `unsupported` for one that there is not. */
export function intensityOf(choice: IntensityChoice): Intensity {
  const hint = `Take ${Object.keys(INTENSITIES).join(', ')}, or numbers from 0 to 1 for ${REGIONS.join(', ')}.`;
  if (typeof choice === 'string') {
    const preset = INTENSITIES[choice];
    if (preset) return preset;
    throw new EngineError('unsupported', `intensity is "${choice}", expected one of the presets`, { hint });
  }
  const wrong = Object.entries(choice ?? { choice }).find(
    ([region, value]) =>
      !(REGIONS as readonly string[]).includes(region) || !(Number(value) >= 0 && Number(value) <= 1),
  );
  if (wrong)
    throw new EngineError(
      'unsupported',
      `intensity of ${wrong[0]} is ${wrong[1]}, expected 0 to 1 for a known region`,
      {
        hint,
      },
    );
  return { ...FULL, ...choice };
}

/** An intensity that changes softly. */
export class SoftIntensity {
  /** The intensity at the moment. */
  readonly now = { ...FULL };
  #goal: Intensity = FULL;

  /** Where it goes to, at once where `cut`. */
  set(goal: Intensity, cut = false): void {
    this.#goal = goal;
    if (cut) Object.assign(this.now, goal);
  }

  /** Moves on by `deltaS`. */
  update(deltaS: number): void {
    const share = 1 - Math.exp(-deltaS / EASE_S);
    for (const region of REGIONS) {
      const off = this.#goal[region] - this.now[region];
      this.now[region] = Math.abs(off) < 1e-3 ? this.#goal[region] : this.now[region] + off * share;
    }
  }
}
