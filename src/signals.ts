/** SIGINT and SIGTERM as promises: the first asks to stop gracefully, the second to stop now. SIGHUP reloads. */
import { constants } from 'node:os';

export type StopSignal = 'SIGINT' | 'SIGTERM';

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

export class StopSignals {
  readonly first: Promise<StopSignal>;
  readonly second: Promise<StopSignal>;

  /** Catches both signals for the rest of the life of the process. */
  constructor() {
    const resolvers: ((signal: StopSignal) => void)[] = [];
    const next = () => new Promise<StopSignal>((resolve) => resolvers.push(resolve));
    this.first = next();
    this.second = next();
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => resolvers.shift()?.(signal));
    }
  }

  /** Without this call a SIGHUP ends the process. */
  onHangup(reload: () => void): void {
    process.on('SIGHUP', reload);
  }
}

/** Exit code of a process that a signal ended, by the shells' convention. */
export const exitCodeOf = (signal: StopSignal): number => 128 + constants.signals[signal];
