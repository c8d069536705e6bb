/** What goes through the signalling between two peers. */
type Signal = {
  readonly description?: RTCSessionDescription | null;
  readonly candidate?: RTCIceCandidateInit;
};

/** How the way to the other side is. */
export type PeerState = 'connecting' | 'connected' | 'reconnecting';

/** What a peer hears and needs. */
export type PeerOptions = {
  readonly iceServers: readonly RTCIceServer[];
  /** The polite one gives way when both make an offer at once; exactly one of the two is. */
  readonly polite: boolean;
  readonly microphone: MediaStream;
  send(signal: unknown): void;
  onState(state: PeerState): void;
  onVoice(stream: MediaStream): void;
  /** Something on the reliable channel, as it was sent. */
  onControl(message: unknown): void;
};

const RESTART_AFTER_MS = 2000;
const RESTART_EVERY_MS = 4000;

/**
 * A connection to one other page: our voice there, its voice here, a reliable channel and a lossy one for motion.
 * Negotiates perfectly (either side may offer at any time) and looks for a new way when the old one breaks.
 */
export class Peer {
  readonly connection: RTCPeerConnection;
  readonly motion: RTCDataChannel;
  readonly #control: RTCDataChannel;
  readonly #options: PeerOptions;
  #sender: RTCRtpSender | undefined;
  #signals: Promise<void> = Promise.resolve();
  #offering = false;
  #ignoring = false;
  #restart: ReturnType<typeof setTimeout> | undefined;
  #state: PeerState = 'connecting';
  #closed = false;

  constructor(options: PeerOptions) {
    this.#options = options;
    const connection = new RTCPeerConnection({ iceServers: [...options.iceServers] });
    this.connection = connection;
    this.#control = connection.createDataChannel('control', { negotiated: true, id: 0 });
    this.motion = connection.createDataChannel('motion', {
      negotiated: true,
      id: 1,
      ordered: false,
      maxRetransmits: 0,
    });
    this.#control.onmessage = ({ data }) => this.#hear(data);
    connection.onnegotiationneeded = () => void this.#offer();
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) options.send({ candidate: candidate.toJSON() });
    };
    connection.ontrack = ({ track, streams }) => options.onVoice(streams[0] ?? new MediaStream([track]));
    connection.onconnectionstatechange = () => this.#changed();
    const [track] = options.microphone.getAudioTracks();
    if (track) this.#sender = connection.addTrack(track, options.microphone);
  }

  get state(): PeerState {
    return this.#state;
  }

  /** Resolves when the reliable channel can carry messages. */
  get ready(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#control.readyState === 'open') resolve();
      else this.#control.addEventListener('open', () => resolve(), { once: true });
    });
  }

  /** Sends on the reliable channel; lost when it is not open. */
  control(message: unknown): void {
    if (this.#control.readyState === 'open') this.#control.send(JSON.stringify(message));
  }

  /** Takes what the other side's `send` gave to the signalling, in order. */
  signal(data: unknown): void {
    this.#signals = this.#signals.then(() => this.#takeSignal(data as Signal)).catch(() => undefined);
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
    this.connection.close();
  }

  async #offer() {
    try {
      this.#offering = true;
      await this.connection.setLocalDescription();
      this.#options.send({ description: this.connection.localDescription });
    } catch {
      // Closed meanwhile, or an offer of the other side came first: then there is nothing to offer.
    } finally {
      this.#offering = false;
    }
  }

  async #takeSignal({ description, candidate }: Signal) {
    const { connection } = this;
    if (this.#closed) return;
    if (description) {
      const busy = this.#offering || connection.signalingState !== 'stable';
      this.#ignoring = !this.#options.polite && description.type === 'offer' && busy;
      if (this.#ignoring) return;
      await connection.setRemoteDescription(description);
      if (description.type !== 'offer') return;
      await connection.setLocalDescription();
      this.#options.send({ description: connection.localDescription });
    } else if (candidate)
      await connection.addIceCandidate(candidate).catch((error: unknown) => {
        if (!this.#ignoring) throw error;
      });
  }

  #changed() {
    if (this.#closed) return;
    const { connectionState } = this.connection;
    if (connectionState === 'connected') {
      clearTimeout(this.#restart);
      this.#restart = undefined;
      this.#become('connected');
    } else if (connectionState === 'disconnected' || connectionState === 'failed') {
      if (this.#state === 'connected') this.#become('reconnecting');
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
    this.connection.restartIce();
    this.#restart = setTimeout(() => this.#findWay(), RESTART_EVERY_MS);
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
