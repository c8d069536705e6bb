import { EngineError } from '../errors.ts';
import type { DType, Tensor } from './tensor.ts';

/**
 * How a kernel uses a tensor:
 * - `read`: f32, read only
 * - `half`: packed halves, read only (`array<u32>` in WGSL)
 * - `index`: u32, read only
 * - `write`: f32, every element written
 * - `update`: f32, read and partly written in place
 */
export type Access = 'read' | 'half' | 'index' | 'write' | 'update';

/** `'read R T C'`: an access, then the shape in letters; a number stands for a fixed size. */
export type Use = `${Access} ${string}`;

/** The tensors of a kernel, in binding order. */
export type Uses = Readonly<Record<string, Use>>;

type Letters<S extends string> = S extends `${infer A} ${infer B}` ? A | Letters<B> : S;
type LettersOf<U extends Use> = U extends `${Access} ${infer S}` ? Exclude<Letters<S>, `${number}`> : never;

/** The size behind each letter: `{ R: 2, T: 1, C: 256 }`. */
export type Dims<U extends Uses> = Readonly<Record<LettersOf<U[keyof U]>, number>>;

/**
 * How to dispatch: `constants` fill the WGSL overrides (and key the pipeline cache), `grid` counts workgroups, and
 * `variant` names one of the kernel's other texts.
 */
export type Launch = {
  readonly variant?: string;
  readonly constants: Readonly<Record<string, number>>;
  readonly grid: readonly [x: number, y: number, z: number];
};

/** What a launch may be tuned to; results agree to rounding. */
export type Tuning = {
  /** A CPU plays GPU: it wants few lanes and few barriers, a GPU many lanes. */
  readonly software: boolean;
  /** Lanes of a subgroup may add up among themselves. */
  readonly subgroups: boolean;
  /** Products may be taken in halves: it was asked for, the adapter can, and its results were tried. */
  readonly f16: boolean;
};

/**
 * WGSL text, its tensors in binding order, and the rule from sizes to a launch. `variants` are texts of the same formula
 * and tensors for sizes or adapters that allow more; the file of variant `v` is `name.v.wgsl`.
 */
export type Kernel<U extends Uses = Uses, Options = never> = {
  readonly name: string;
  readonly wgsl: string;
  readonly variants?: Readonly<Record<string, string>>;
  readonly tensors: U;
  readonly launch: (dims: Dims<U>, options: Options, tuning: Tuning) => Launch;
};

/** A kernel whose tensors and options are not known to the compiler. */
export type AnyKernel = Kernel<Uses, never>;

/** Gives a kernel literal its type; it does nothing at run time. */
export const kernel = <const U extends Uses, Options = object>(k: Kernel<U, Options>) => k;

type OptionsField<Options> = object extends Options
  ? { readonly options?: Options }
  : { readonly options: Options };

/** One place to try a kernel at; `data` sets inputs that must not be random, such as indices. */
export type Case<U extends Uses, Options> = OptionsField<Options> & {
  readonly dims: Dims<U>;
  readonly data?: { readonly [name in keyof U]?: ArrayLike<number> };
  /** Times it too: for the sizes of the networks. */
  readonly bench?: true;
};

/** What a kernel must compute and where it must be tried. Its test and its bench are derived from this. */
export type Reference<K> =
  K extends Kernel<infer U, infer Options>
    ? {
        readonly kernel: K;
        /** The formula in f64, in the order it is written on paper; never optimised. */
        readonly run: (data: Record<keyof U, Float64Array>, dims: Dims<U>, options: Options) => void;
        readonly cases: Readonly<Record<string, Case<U, Options>>>;
        readonly flops: (dims: Dims<U>, options: Options) => number;
        /** Allowed error: |gpu − ref| ≤ abs + rel·|ref|. Default { abs: 1e-5, rel: 1e-4 }; variants `f16` have their own. */
        readonly tolerance?: { readonly abs: number; readonly rel: number };
      }
    : never;

/** A reference whose kernel is not known to the compiler. */
export type AnyReference = Reference<Kernel<Uses, object>>;

/** `'read'` of `'read R T C'`. */
export const accessOf = (use: Use) => use.split(' ')[0] as Access;

/** `['R', 'T', 'C']` of `'read R T C'`. */
export const lettersOf = (use: Use) => use.split(' ').slice(1);

/** Whether a kernel writes to the tensor. */
export const isWritten = (use: Use) => accessOf(use) === 'write' || accessOf(use) === 'update';

/** The element type that an access asks for. */
export const dtypeOf = (use: Use): DType =>
  accessOf(use) === 'half' ? 'f16x2' : accessOf(use) === 'index' ? 'u32' : 'f32';

/** The shape of a use at given sizes. */
export const shapeOf = (use: Use, dims: Readonly<Record<string, number>>) =>
  lettersOf(use).map((letter) => dims[letter] ?? Number(letter));

const isFixed = (letter: string) => /^\d+$/.test(letter);

/** Reads the letters off the tensors; throws when a tensor is missing, or of another type or size than its use. */
export function dimsOf(kernel: AnyKernel, tensors: Readonly<Record<string, Tensor>>): Record<string, number> {
  const dims: Record<string, number> = {};
  for (const [name, use] of Object.entries(kernel.tensors)) {
    if (!tensors[name]) throw new EngineError('bug', `${kernel.name}: ${name} is missing`);
    const { shape, dtype } = tensors[name];
    if (dtype !== dtypeOf(use))
      throw new EngineError('bug', `${kernel.name}: ${name} is ${dtype}, expected ${dtypeOf(use)}`);
    const letters = lettersOf(use);
    const size = (letter: string) => (isFixed(letter) ? Number(letter) : dims[letter]);
    letters.forEach((letter, i) => {
      if (!isFixed(letter)) dims[letter] ??= shape[i];
    });
    if (shape.length !== letters.length || letters.some((letter, i) => size(letter) !== shape[i])) {
      const expected = letters.map((letter) => (isFixed(letter) ? letter : `${letter}=${dims[letter]}`));
      throw new EngineError('bug', `${kernel.name}: ${name} has shape [${shape}], expected [${expected}]`);
    }
  }
  return dims;
}
