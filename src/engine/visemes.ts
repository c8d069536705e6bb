/** The 15 Oculus visemes, in their order. */
export const VISEMES = [
  'sil',
  'PP',
  'FF',
  'TH',
  'DD',
  'kk',
  'CH',
  'SS',
  'nn',
  'RR',
  'aa',
  'E',
  'ih',
  'oh',
  'ou',
] as const;

/** A name of {@link VISEMES}. */
export type Viseme = (typeof VISEMES)[number];

const PHONES_OF_VISEME: Record<Viseme, string> = {
  sil: 'SIL',
  PP: 'P B M',
  FF: 'F V',
  TH: 'TH DH',
  DD: 'T D',
  kk: 'K G HH NG',
  CH: 'CH JH SH ZH',
  SS: 'S Z',
  nn: 'N L',
  RR: 'R ER',
  aa: 'AA AE AH AY AW',
  E: 'EH EY',
  ih: 'IH IY Y',
  oh: 'AO OW OY',
  ou: 'UH UW W',
};

/** Sums ARPAbet phone probabilities into visemes; made once for the phone order of a speech encoder. */
export class VisemeMap {
  /** Index into {@link VISEMES} of every phone. */
  readonly visemeOfPhone: Uint8Array;
  readonly #sums = new Float64Array(VISEMES.length);

  /** A phone that no viseme claims counts as silence. */
  constructor(phones: readonly string[]) {
    const visemes = new Map(
      VISEMES.flatMap((name, i) => PHONES_OF_VISEME[name].split(' ').map((p) => [p, i])),
    );
    this.visemeOfPhone = Uint8Array.from(phones, (phone) => visemes.get(phone) ?? 0);
  }

  /** The viseme with the largest summed probability in `phones[offset…offset + number of phones)`. */
  likeliest(phones: Float32Array, offset = 0): number {
    this.#sums.fill(0);
    for (let p = 0; p < this.visemeOfPhone.length; p++)
      this.#sums[this.visemeOfPhone[p]] += phones[offset + p];
    return argmax(this.#sums);
  }
}

/** Index of the first largest element of `values[offset…offset + length)`, relative to `offset`. */
export function argmax(values: ArrayLike<number>, offset = 0, length = values.length - offset): number {
  let best = 0;
  for (let i = 1; i < length; i++) if (values[offset + i] > values[offset + best]) best = i;
  return best;
}
