export type SignalServer = {
  readonly port: number;
  /** Breaks every line, as a lost network does. */
  cut(): void;
  close(): Promise<void>;
};
export function signalServer(options?: {
  port?: number;
  host?: string;
  graceMs?: number;
}): Promise<SignalServer>;
