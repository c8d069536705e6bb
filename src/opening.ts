import type { BackendInfo, Conditions } from './engine/backend/backend.ts';
import { DEFAULT_STEPS } from './engine/model/sampler.ts';
import { conditionsFor } from './engine/person.ts';
import type { LoadingProgress, TalkOptions, TalkSetting } from './talk.options.ts';
import { Loading } from './workers/loading.ts';
import { MotionHost } from './workers/motion.host.ts';

/** A talk whose networks are being loaded. */
export type Opening = {
  readonly host: MotionHost;
  readonly loading: Loading;
  readonly conditions: Conditions;
  /** Settles when the networks are there, or throws what loading throws. */
  readonly networks: Promise<BackendInfo>;
  /** Tells of files that come later. */
  readonly onProgress: (listener: (progress: LoadingProgress) => void) => void;
};

/** Begins to load what a talk needs, and these characters beside it, if they have addresses. */
export function openNetworks(
  options: TalkOptions,
  { placement, seated }: TalkSetting,
  characters: readonly unknown[] = [],
): Opening {
  const { seed = 1, steps = DEFAULT_STEPS, backend = 'auto', guidance, codes } = options;
  const modelBaseUrl = folderAt(options.modelBaseUrl);
  let later: ((progress: LoadingProgress) => void) | undefined;
  const loading = new Loading({
    modelBaseUrl,
    pageUrl: document.baseURI,
    characters,
    onProgress(loadedBytes, totalBytes) {
      const progress = { phase: 'models', loadedBytes, totalBytes } as const;
      options.onProgress?.(progress);
      later?.(progress);
    },
  });
  const conditions = conditionsFor(seated, options.relationship);
  const sampler = { seed, steps, eta: 0, ...(guidance && { guidance }), ...(codes && { codes }) };
  const host = new MotionHost({ modelBaseUrl, backend, sampler, conditions, placement });
  return {
    host,
    loading,
    conditions,
    networks: host.load(loading.port),
    onProgress: (listener) => {
      later = listener;
    },
  };
}

/** The folder of the model files, absolute. */
export const folderAt = (modelBaseUrl = 'models/') => new URL(modelBaseUrl, document.baseURI).href;
