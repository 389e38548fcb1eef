/** Notices an engine process that hangs: no heartbeat, or one step that does not end. */
import type { EngineConfig } from '../config/index.ts';

/** Looks this often within the shorter of the two deadlines. */
const LOOKS_PER_DEADLINE = 4;

export class LivenessWatch {
  readonly #config: EngineConfig;
  readonly #onHang: (reason: string) => void;
  readonly #timer: NodeJS.Timeout;
  #lastMessageMs = performance.now();

  /** Watches from now on until `stop` or the first hang. */
  constructor(config: EngineConfig, onHang: (reason: string) => void) {
    this.#config = config;
    this.#onHang = onHang;
    const deadlineMs = Math.min(config.heartbeatTimeoutMs, config.stepDeadlineMs);
    this.#timer = setInterval(() => this.#look(), deadlineMs / LOOKS_PER_DEADLINE);
  }

  sawMessage(): void {
    this.#lastMessageMs = performance.now();
  }

  /**
   * @param stepAgeMs age of the step in flight, 0 when there is none
   * @param allowedMs age from which on it counts as a hang
   */
  sawHeartbeat(stepAgeMs: number, allowedMs: number): void {
    if (stepAgeMs <= allowedMs) return;
    this.#hang(
      `a step ran for ${Math.round(stepAgeMs)} ms; allowed were ${Math.round(allowedMs)} ms ` +
        `(engine.stepDeadlineMs is ${this.#config.stepDeadlineMs})`,
    );
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    if (!this.#isSilent()) return;
    // When it was this process that stalled, messages are waiting to be read: look again after.
    setImmediate(() => {
      const { heartbeatTimeoutMs } = this.#config;
      if (this.#isSilent()) {
        this.#hang(`no heartbeat for engine.heartbeatTimeoutMs (${heartbeatTimeoutMs} ms)`);
      }
    });
  }

  #isSilent(): boolean {
    return performance.now() - this.#lastMessageMs > this.#config.heartbeatTimeoutMs;
  }

  #hang(reason: string): void {
    this.stop();
    this.#onHang(reason);
  }
}
