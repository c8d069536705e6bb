// Runs in the page before its own scripts: lets a test break it, and sees how it does. The product knows none of it.
{
  /** An outage that begins later (ms) after the end of a fault has other causes. */
  const AFTER_MS = 2000;
  const KEPT_MS = 60_000;
  const VERBS = ['start', 'stop', 'setConditions', 'setRelationship', 'setBackend', 'reset', 'flushSamples'];

  const captures = [];
  if (window.AudioWorkletNode)
    window.AudioWorkletNode = class extends AudioWorkletNode {
      constructor(context, name, options) {
        super(context, name, options);
        if (name === 'capture') captures.push(this);
      }
    };

  // A headless page is never hidden: what being hidden does to a page is done to it instead.
  let hidden = false;
  let held = [];
  const draw = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) => {
    if (hidden) return held.push(callback);
    const { pictureEveryMs = 0 } = window.faults;
    return pictureEveryMs > 0 ? setTimeout(() => draw(callback), pictureEveryMs) : draw(callback);
  };
  Object.defineProperty(document, 'hidden', { get: () => hidden });
  Object.defineProperty(document, 'visibilityState', { get: () => (hidden ? 'hidden' : 'visible') });
  const hide = (on) => {
    hidden = on;
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    if (!on) for (const callback of held.splice(0)) draw(callback);
  };

  // Tracks that somebody listens to, so that they can be pulled out.
  const tracks = new Set();
  const { getUserMedia } = navigator.mediaDevices ?? {};
  if (getUserMedia)
    navigator.mediaDevices.getUserMedia = async (wish) => {
      const stream = await getUserMedia.call(navigator.mediaDevices, wish);
      for (const track of stream.getTracks()) tracks.add(track);
      return stream;
    };

  const channel = new BroadcastChannel('duologue-faults');
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const canvas = () => document.querySelector('#stage canvas');

  /** When frames that came in time are due to be seen, in ms: in their order, and a little ahead. */
  let seen = [];
  const counts = { frames: 0, late: 0, pending: 0, settled: 0, rejected: {} };
  const pending = new Map();
  let asked = 0;

  const track = (verb, promise) => {
    const id = ++asked;
    pending.set(id, { verb, sinceMs: performance.now() });
    promise.then(
      () => {
        counts.settled++;
      },
      (error) => {
        counts.settled++;
        const words = `${verb}: ${error?.message ?? error}`;
        counts.rejected[words] = (counts.rejected[words] ?? 0) + 1;
      },
    ).finally(() => pending.delete(id));
    return promise;
  };

  window.faults = {
    pictureEveryMs: 0,
    /** Without a frame to see for longer than this (ms), the characters stand still. */
    outageMs: 300,
    /** Errors that the engine told of, in words. */
    told: [],
    tiers: [],

    /** Watches the conversation at `window.duologue`. */
    watch() {
      const duo = window.duologue;
      const { context } = duo;
      let delayS = duo.stats().delayMs / 1000;
      duo.on('stats', ({ delayMs }) => {
        delayS = delayMs / 1000;
      });
      duo.on('error', ({ kind, message, hint }) => window.faults.told.push({ kind, message, hint }));
      duo.on('tier', (change) => window.faults.tiers.push({ ...change, atMs: performance.now() }));
      duo.on('frame', ({ contextTimeS }) => {
        const aheadS = contextTimeS + delayS + (context.outputLatency || 0) - context.currentTime;
        counts.frames++;
        if (aheadS < 0) counts.late++;
        else if (context.state === 'running') seen.push(performance.now() + 1000 * aheadS);
        if (seen.length > 4000) seen = seen.filter((atMs) => atMs > performance.now() - KEPT_MS);
      });
      for (const verb of VERBS) {
        const own = duo[verb].bind(duo);
        duo[verb] = (...args) => track(verb, own(...args));
      }
    },

    /** Lets both talk for ever: the sample conversation in a loop, each voice through the door, and heard. */
    async talk() {
      const duo = window.duologue;
      await duo.start();
      const { context } = duo;
      const buffers = await Promise.all(
        ['sample/a.flac', 'sample/b.flac'].map(async (url) =>
          context.decodeAudioData(await (await fetch(url)).arrayBuffer()),
        ),
      );
      const duration = Math.max(...buffers.map(({ duration }) => duration));
      const beginS = context.currentTime + 0.1;
      window.faults.voices = buffers.map((buffer, person) => {
        const whole = new AudioBuffer({
          length: Math.ceil(duration * buffer.sampleRate),
          sampleRate: buffer.sampleRate,
        });
        whole.copyToChannel(buffer.getChannelData(0), 0);
        const source = new AudioBufferSourceNode(context, { buffer: whole, loop: true });
        source.start(beginS);
        duo.attach(person, source, { play: true });
        return source;
      });
    },

    now: () => performance.now(),
    /** What a test that fails should say. */
    condition() {
      const duo = window.duologue;
      const { frames, lateFrames, lostFrames, gapSamples, restarts, latencyMsP95, delayMs, info } = duo.stats();
      const { state, currentTime } = duo.context;
      const { told, tiers } = window.faults;
      const figures = { frames, lateFrames, lostFrames, gapSamples, restarts, latencyMsP95, delayMs };
      return { sound: `${state} at ${currentTime}`, ...figures, ...info, told, tiers: tiers.slice(-3) };
    },
    counts: () => ({ ...counts }),
    /** Whether frames come in time. */
    moves: () => performance.now() - seen.at(-1) < 2000,
    /** What was asked of the engine and has not been answered, oldest first. */
    pending: () =>
      [...pending.values()].map(({ verb, sinceMs }) => ({ verb, ms: performance.now() - sinceMs })),
    /** Asks the engine for something that its worker has to answer. */
    ask(n) {
      const duo = window.duologue;
      const asks = [
        () => duo.setEmotion(n % 2, n % 7),
        () => duo.setStyle(n % 2, n % 4),
        () => duo.setRelationship(n % 6),
      ];
      asks[n % asks.length]().catch(() => undefined); // counted above
    },

    /**
     * How long after the end of a fault frames are seen again, in ms, and the longest time without any; `ms` is null while
     * there are none.
     */
    recovery(beganMs, endedMs) {
      const now = performance.now();
      const times = seen.filter((atMs) => atMs > beganMs - 1000 && atMs < now);
      let [again, longest, before] = [endedMs, 0, Math.min(beganMs, times[0] ?? beganMs)];
      for (const atMs of [...times, now]) {
        const gap = atMs - before;
        const lasts = atMs === now;
        if (gap > window.faults.outageMs && atMs > beganMs && (lasts || before < endedMs + AFTER_MS)) {
          longest = Math.max(longest, gap);
          again = lasts ? null : atMs;
        }
        before = atMs;
      }
      return { ms: again === null ? null : Math.max(0, again - endedMs), outageMs: longest };
    },

    /** Breaks the worker `who`, motion or movement. */
    worker(fault, ms, who = 'motion') {
      channel.postMessage({ who, fault, ms });
    },
    worklet(fault, ms) {
      captures.at(-1).port.postMessage({ fault, ms });
    },
    async loseContext(ms) {
      const gl = canvas().getContext('webgl2');
      const lose = gl.getExtension('WEBGL_lose_context');
      lose.loseContext();
      await sleep(ms);
      lose.restoreContext();
    },
    async hide(ms) {
      hide(true);
      await sleep(ms);
      hide(false);
    },
    suspend: () => AudioContext.prototype.suspend.call(window.duologue.context),
    /** Somebody joins by a track, whose device goes; resolves when the engine knows. */
    async endTrack() {
      const duo = window.duologue;
      const out = new MediaStreamAudioDestinationNode(duo.context);
      const [line] = out.stream.getAudioTracks();
      const voice = duo.attach(0, line);
      await sleep(300);
      line.stop();
      line.dispatchEvent(new Event('ended'));
      await track('ended', voice.ended);
    },
    /** Somebody joins by a microphone, which is pulled out; resolves when another one has taken its place. */
    async pullMicrophone() {
      const { microphones } = window.duologue;
      await track('open', microphones.open(0));
      await sleep(300);
      const pulled = microphones.stream(0);
      window.faults.unplug();
      const untilMs = performance.now() + 10_000;
      while ([undefined, pulled].includes(microphones.stream(0)) && performance.now() < untilMs) await sleep(20);
      if ([undefined, pulled].includes(microphones.stream(0)))
        throw new Error('no other microphone takes the place of the one that was pulled out');
      microphones.close(0);
    },
    /** Puts something else of the same size in the place of each file of the engine that was kept for the next visit. */
    async spoilKept() {
      for (const name of await caches.keys()) {
        if (!name.startsWith('duologue-files')) continue;
        const cache = await caches.open(name);
        for (const request of await cache.keys()) {
          const { size } = await (await cache.match(request)).blob();
          await cache.put(request, new Response(new Uint8Array(size).fill(7)));
        }
      }
    },
    /** Pulls out every microphone. */
    unplug() {
      for (const line of tracks) {
        line.stop();
        line.dispatchEvent(new Event('ended'));
      }
      tracks.clear();
    },
  };
}
