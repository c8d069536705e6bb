import { EngineError } from '../../errors.ts';

/** Where the viewer is: in a world of its own, or with the two in the real room. */
export type XrMode = 'vr' | 'ar';

const NAMES = { vr: 'immersive-vr', ar: 'immersive-ar' } as const;
const DEVICES = { vr: 'headset', ar: 'headset or phone that shows the real room' } as const;

/** Whether this browser and its devices can show the stage so; never throws, and asks the user nothing. */
export async function isXrSupported(mode: XrMode): Promise<boolean> {
  checkMode(mode);
  try {
    return (await navigator.xr?.isSessionSupported(NAMES[mode])) ?? false;
  } catch {
    return false;
  }
}

/** Opens a session with the floor at height 0; throws `unsupported` that says why there is none. Needs a click or a key. */
export async function requestXrSession(mode: XrMode): Promise<XRSession> {
  checkMode(mode);
  const { xr } = navigator;
  if (!xr) throw missing();
  try {
    return await xr.requestSession(NAMES[mode], {
      requiredFeatures: ['local-floor'],
      optionalFeatures: mode === 'ar' ? ['hit-test', 'layers'] : ['layers'],
    });
  } catch (cause) {
    throw await refused(mode, xr, cause);
  }
}

function checkMode(mode: XrMode) {
  if (Object.hasOwn(NAMES, mode)) return;
  throw new EngineError('unsupported', `the XR mode is "${mode}", expected vr or ar`, {
    hint: 'Take `vr` for a world of its own, or `ar` for the real room.',
  });
}

function missing(): EngineError {
  if (!globalThis.isSecureContext)
    return new EngineError(
      'unsupported',
      'there is no WebXR here, because this page came without encryption',
      {
        hint: 'Open the page by https, or on localhost.',
      },
    );
  return new EngineError('unsupported', 'this browser has no WebXR', {
    hint: "Use Chrome or Edge with a headset, or the headset's own browser.",
  });
}

/** Says in words what the browser says in names of exceptions. */
async function refused(mode: XrMode, xr: XRSystem, cause: unknown): Promise<EngineError> {
  const name = cause instanceof Error ? cause.name : '';
  const fail = (message: string, hint: string) => new EngineError('unsupported', message, { hint, cause });
  if (name === 'NotAllowedError')
    return fail('the use of the headset was not allowed', 'Ask again, and allow it when the browser asks.');
  if (name === 'InvalidStateError')
    return fail('the headset is in use by another XR session', 'End the other session first.');
  if (name === 'SecurityError') {
    const asked = navigator.userActivation?.isActive ?? false;
    return asked
      ? fail(
          'this page may not use the headset',
          'Give the frame that it stands in allow="xr-spatial-tracking".',
        )
      : fail('XR begins only after a click or a key', 'Call enterXR inside the handler of a click.');
  }
  const supported = await xr.isSessionSupported(NAMES[mode]).catch(() => false);
  if (!supported)
    return fail(
      `there is no ${DEVICES[mode]} for ${NAMES[mode]}`,
      'Connect and wake the headset, then ask again; `supported` tells beforehand.',
    );
  const why = cause instanceof Error ? cause.message : String(cause);
  return fail(
    `the headset gives no session with a floor (local-floor): ${why}`,
    'Set up the floor and the play area of the headset, then ask again.',
  );
}
