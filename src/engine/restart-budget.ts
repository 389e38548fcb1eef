/** Counts restarts in a sliding window: may there be one more, and after what pause? */
import type { EngineConfig } from '../config/index.ts';

/** The pause before a restart doubles this many times at most. */
const BACKOFF_DOUBLINGS_MAX = 6;

export class RestartBudget {
  readonly #config: EngineConfig;
  #timesMs: readonly number[] = [];
  #count = 0;

  constructor(config: EngineConfig) {
    this.#config = config;
  }

  /** Restarts since the start. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes one restart; the pause before it in milliseconds, or null when the limit is reached.
   * @param nowMs milliseconds that only grow
   */
  take(nowMs: number): number | null {
    const { restartLimit, restartWindowMs, restartBackoffMs } = this.#config;
    const recent = this.#timesMs.filter((timeMs) => timeMs > nowMs - restartWindowMs);
    if (recent.length >= restartLimit) return null;
    this.#timesMs = [...recent, nowMs];
    this.#count++;
    return restartBackoffMs * 2 ** Math.min(recent.length, BACKOFF_DOUBLINGS_MAX);
  }
}
