import type { Page } from '@playwright/test';

/** Something that goes wrong in a running page, and when it is over. */
export type Fault = {
  readonly name: string;
  /** Does it; resolves as soon as it is over. */
  readonly inflict: (page: Page) => Promise<unknown>;
  /** What runs the networks where it can happen; everywhere by default. */
  readonly tier?: 'webgpu' | 'wasm';
};

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Processes of the page's browser. */
export async function processes(page: Page): Promise<{ type: string; id: number }[]> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo;
}

/**
 * Takes all time from processes of the browser. `Page.setWebLifecycleState` would freeze the page alone, but not while
 * Playwright holds it visible; all the browser stopped is what a lid that is shut does.
 */
async function freeze(page: Page, ms: number, which: (type: string) => boolean) {
  const stopped = (await processes(page)).filter(({ type }) => which(type));
  for (const { id } of stopped) process.kill(id, 'SIGSTOP');
  await sleep(ms);
  for (const { id } of stopped) process.kill(id, 'SIGCONT');
}

async function offline(page: Page, ms: number, meanwhile?: string) {
  await page.context().setOffline(true);
  if (meanwhile) await page.evaluate(meanwhile);
  await sleep(ms);
  await page.context().setOffline(false);
}

const inPage = (code: string) => (page: Page) => page.evaluate(code);

/** All that a test can do to a page that is running. */
export const FAULTS = {
  workerThrows: { name: 'the motion worker throws', inflict: inPage(`faults.worker('throw')`) },
  workerCloses: { name: 'the motion worker closes itself', inflict: inPage(`faults.worker('close')`) },
  workerHangs: {
    name: 'the motion worker hangs for 5 s',
    async inflict(page) {
      await page.evaluate(`faults.worker('hang', 5000)`);
      await sleep(5000);
    },
  },
  workerMemory: { name: 'the motion worker has no memory left', inflict: inPage(`faults.worker('memory')`) },
  movementThrows: {
    name: 'the worker of behaviour and bodies throws',
    tier: 'wasm',
    inflict: inPage(`faults.worker('throw', 0, 'movement')`),
  },
  movementHangs: {
    name: 'the worker of behaviour and bodies hangs for 8 s',
    tier: 'wasm',
    async inflict(page) {
      await page.evaluate(`faults.worker('hang', 8000, 'movement')`);
      await sleep(8000);
    },
  },
  deviceLost: {
    name: 'the GPU device is lost',
    tier: 'webgpu',
    inflict: inPage(`faults.worker('device')`),
  },
  contextLost: { name: 'the WebGL context is lost for 1 s', inflict: inPage('faults.loseContext(1000)') },
  workletBlocks: {
    name: 'the audio thread is blocked for 1 s',
    async inflict(page) {
      await page.evaluate(`faults.worklet('block', 1000)`);
      await sleep(1000);
    },
  },
  workletDrops: {
    name: 'the capture worklet drops 1 s of sound',
    async inflict(page) {
      await page.evaluate(`faults.worklet('drop', 1000)`);
      await sleep(1000);
    },
  },
  workletThrows: { name: 'the capture worklet throws', inflict: inPage(`faults.worklet('throw')`) },
  tabHidden: { name: 'the tab is hidden for 3 s', inflict: inPage('faults.hide(3000)') },
  tabFrozen: {
    name: 'the tab is frozen for 3 s',
    inflict: (page) => freeze(page, 3000, (type) => type === 'renderer'),
  },
  asleep: {
    name: 'the laptop sleeps for 10 s, and its sound does not wake',
    async inflict(page) {
      await page.evaluate('faults.suspend()');
      await freeze(page, 10_000, () => true);
    },
  },
  soundSuspended: { name: 'the system suspends the sound', inflict: inPage('faults.suspend()') },
  trackEnds: { name: 'a track ends', inflict: inPage('faults.endTrack()') },
  microphoneGoes: { name: 'a microphone is unplugged', inflict: inPage('faults.pullMicrophone()') },
  offline: { name: 'the network is gone for 3 s', inflict: (page) => offline(page, 3000) },
  crashOffline: {
    name: 'the motion worker throws while the network is gone for 6 s',
    inflict: (page) => offline(page, 6000, `faults.worker('throw')`),
  },
  crashSpoilt: {
    name: 'the motion worker throws, and the files that were kept are spoilt',
    inflict: inPage(`faults.spoilKept().then(() => faults.worker('throw'))`),
  },
} as const satisfies Record<string, Fault>;

/** How a page came through a fault; times in milliseconds. */
export type Outcome = {
  readonly name: string;
  /** From the end of the fault to the first frame that is seen and after which they keep coming; null for never. */
  readonly recoveryMs: number | null;
  /** The longest time without a frame that is seen. */
  readonly outageMs: number;
};

/** How long frames are watched after the end of a fault, to see that they keep coming. */
const WATCHED_MS = 3000;

/** Inflicts a fault on a {@link openBreakable} page, and waits until frames are seen again. */
export async function undergo(page: Page, { name, inflict }: Fault, patienceMs = 30_000): Promise<Outcome> {
  const now = () => page.evaluate<number>('faults.now()');
  const beganMs = await now();
  await inflict(page);
  const endedMs = await now();
  await sleep(WATCHED_MS);
  for (;;) {
    const { ms, outageMs } = await page.evaluate<{ ms: number | null; outageMs: number }>(
      `faults.recovery(${beganMs}, ${endedMs})`,
    );
    if (ms !== null || (await now()) - endedMs > patienceMs) return { name, recoveryMs: ms, outageMs };
    await sleep(250);
  }
}
