/** What goes through the signalling between two peers; an empty one only says that there is a new connection. */
export type PeerSignal = {
  readonly description?: RTCSessionDescriptionInit | null;
  readonly candidate?: RTCIceCandidateInit;
  /** Asks whoever makes the offers for one that looks for a new way. */
  readonly restart?: boolean;
};

/** How the way to the other side is. */
export type PeerState = 'connecting' | 'connected' | 'reconnecting';

/** What a peer hears and needs. */
export type PeerOptions = {
  readonly iceServers: readonly RTCIceServer[];
  /**
   * Exactly one of the two makes the offers, and the other asks for them: Chromium can be left without candidates for ever
   * when it has to take back an offer because the other side made one at the same time.
   */
  readonly offers: boolean;
  readonly microphone: MediaStream;
  send(signal: PeerSignal): void;
  onState(state: PeerState): void;
  onVoice(stream: MediaStream): void;
  /** The reliable channel can carry messages now. */
  onReady(): void;
  /** Something on the reliable channel, as it was sent. */
  onControl(message: unknown): void;
  /** The channel for motion from now on; another one after it was closed. */
  onMotion(channel: RTCDataChannel): void;
  /** Neither waiting nor another way helps any more: only another connection does. */
  onBroken(): void;
};

const MOTION = 'motion';
const LOSSY = { ordered: false, maxRetransmits: 0 } as const;
const FIRST_WAY_MS = 6000;
/** An offer that is not answered for so long did not arrive, such as one that came before the other side was there. */
const ANSWER_MS = 1500;
const RESTART_AFTER_MS = 2000;
const RESTART_EVERY_MS = 4000;
/** Without a way for so long, the connection itself is given up. */
const GIVE_UP_MS = 16_000;
const REOPEN_MS = 200;

/**
 * A connection to one other page: our voice there, its voice here, a reliable channel and a lossy one for motion.
 * Looks for a new way when the old one breaks, says again what was lost on the way, and opens the channel for motion again
 * when it was closed.
 */
export class Peer {
  readonly connection: RTCPeerConnection;
  readonly #control: RTCDataChannel;
  readonly #options: PeerOptions;
  #sender: RTCRtpSender | undefined;
  #motion: RTCDataChannel | undefined;
  #signals: Promise<void> = Promise.resolve();
  #restart: ReturnType<typeof setTimeout> | undefined;
  #reopen: ReturnType<typeof setTimeout> | undefined;
  #unanswered: ReturnType<typeof setTimeout> | undefined;
  #withoutWaySince = performance.now();
  #restartedMs = Number.NEGATIVE_INFINITY;
  #state: PeerState = 'connecting';
  #closed = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    const connection = new RTCPeerConnection({ iceServers: [...options.iceServers] });
    this.connection = connection;
    this.#control = connection.createDataChannel('control', { negotiated: true, id: 0 });
    this.#control.onopen = () => options.onReady();
    this.#control.onmessage = ({ data }) => this.#hear(data);
    this.#control.onclose = () => this.#break();
    this.#use(connection.createDataChannel(MOTION, { ...LOSSY, negotiated: true, id: 1 }));
    connection.ondatachannel = ({ channel }) => {
      if (channel.label === MOTION) this.#use(channel);
    };
    connection.onnegotiationneeded = () => (options.offers ? void this.#offer() : this.#announce());
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) options.send({ candidate: candidate.toJSON() });
    };
    connection.ontrack = ({ track, streams }) => options.onVoice(streams[0] ?? new MediaStream([track]));
    connection.onconnectionstatechange = () => this.#changed();
    const [track] = options.microphone.getAudioTracks();
    if (track) this.#sender = connection.addTrack(track, options.microphone);
    this.#restart = setTimeout(() => this.#findWay(), FIRST_WAY_MS);
  }

  get state(): PeerState {
    return this.#state;
  }

  /** Sends on the reliable channel; lost when it is not open. */
  control(message: unknown): void {
    if (this.#control.readyState === 'open') this.#control.send(JSON.stringify(message));
  }

  /** Takes what the other side's `send` gave to the signalling, in order. */
  signal(signal: PeerSignal): void {
    this.#signals = this.#signals.then(() => this.#takeSignal(signal)).catch(() => undefined);
  }

  /** Speaks through another microphone from now on. */
  async setMicrophone(microphone: MediaStream): Promise<void> {
    await this.#sender?.replaceTrack(microphone.getAudioTracks()[0] ?? null);
  }

  /** Seconds that received sound waits in the jitter buffer, over the time since the last call. */
  async jitterBufferS(): Promise<number> {
    if (this.#closed) return Number.NaN;
    for (const report of (await this.connection.getStats()).values()) {
      if (report.type !== 'inbound-rtp' || report.kind !== 'audio') continue;
      const delay = (report.jitterBufferDelay ?? 0) - this.#buffered.delay;
      const emitted = (report.jitterBufferEmittedCount ?? 0) - this.#buffered.emitted;
      this.#buffered.delay += delay;
      this.#buffered.emitted += emitted;
      return emitted > 0 ? delay / emitted : Number.NaN;
    }
    return Number.NaN;
  }

  readonly #buffered = { delay: 0, emitted: 0 };

  /** Ends the connection; safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#restart);
    clearTimeout(this.#reopen);
    clearTimeout(this.#unanswered);
    this.connection.close();
  }

  async #offer() {
    try {
      await this.connection.setLocalDescription();
      this.#options.send({ description: this.connection.localDescription });
      clearTimeout(this.#unanswered);
      this.#unanswered = setTimeout(() => this.#sayAgain(), ANSWER_MS);
    } catch {
      // Closed meanwhile: then there is nothing to offer.
    }
  }

  #sayAgain() {
    if (this.#closed || this.connection.signalingState !== 'have-local-offer') return;
    this.#options.send({ description: this.connection.localDescription });
    this.#unanswered = setTimeout(() => this.#sayAgain(), ANSWER_MS);
  }

  /** Says that we are here until an offer comes. */
  #announce() {
    clearTimeout(this.#unanswered);
    if (this.#closed || this.connection.remoteDescription) return;
    this.#options.send({});
    this.#unanswered = setTimeout(() => this.#announce(), ANSWER_MS);
  }

  async #takeSignal({ description, candidate, restart }: PeerSignal) {
    const { connection } = this;
    if (this.#closed) return;
    if (restart) this.#restartIce();
    if (candidate) await connection.addIceCandidate(candidate);
    if (!description || (description.type === 'offer') === this.#options.offers) return;
    await connection.setRemoteDescription(description);
    if (description.type !== 'offer') return;
    await connection.setLocalDescription();
    this.#options.send({ description: connection.localDescription });
  }

  /** Makes an offer that looks for a new way, unless one is under way or so fresh that it may still find one. */
  #restartIce() {
    const now = performance.now();
    if (this.connection.signalingState !== 'stable' || now - this.#restartedMs < RESTART_AFTER_MS) return;
    this.#restartedMs = now;
    this.connection.restartIce();
  }

  #changed() {
    if (this.#closed) return;
    const { connectionState } = this.connection;
    if (connectionState === 'connected') {
      clearTimeout(this.#restart);
      this.#restart = undefined;
      this.#become('connected');
    } else if (connectionState === 'disconnected' || connectionState === 'failed') {
      if (this.#state === 'connected') {
        this.#withoutWaySince = performance.now();
        this.#become('reconnecting');
      }
      const soon = connectionState === 'failed' ? 0 : RESTART_AFTER_MS;
      clearTimeout(this.#restart);
      this.#restart = setTimeout(() => this.#findWay(), soon);
    }
  }

  /** Asks for a new way again and again until there is one. */
  #findWay() {
    if (this.#closed) return;
    if (this.connection.connectionState === 'connected') {
      this.#become('connected');
      return;
    }
    if (performance.now() - this.#withoutWaySince > GIVE_UP_MS) {
      this.#break();
      return;
    }
    if (this.#options.offers) this.#restartIce();
    else this.#options.send({ restart: true });
    this.#restart = setTimeout(() => this.#findWay(), RESTART_EVERY_MS);
  }

  /** Both see it when a channel closes, so one of the two opens another. */
  #use(channel: RTCDataChannel) {
    this.#motion = channel;
    this.#options.onMotion(channel);
    channel.onclose = () => {
      if (this.#closed || channel !== this.#motion || !this.#options.offers) return;
      this.#reopen = setTimeout(() => this.#openAgain(), REOPEN_MS);
    };
  }

  #openAgain() {
    if (this.#closed) return;
    try {
      this.#use(this.connection.createDataChannel(MOTION, LOSSY));
    } catch {
      this.#break(); // no channel can be opened any more
    }
  }

  #break() {
    if (!this.#closed) this.#options.onBroken();
  }

  #become(state: PeerState) {
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state);
  }

  #hear(data: unknown) {
    let message: unknown;
    try {
      message = JSON.parse(String(data));
    } catch {
      return; // none of ours
    }
    this.#options.onControl(message);
  }
}
