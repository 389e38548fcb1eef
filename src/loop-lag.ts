/** How late the event loop of this process is: what keeps it busy delays everything else by as much. */

/** Looks this often; a shorter delay between two looks is not seen. */
const LOOK_MS = 50;

export class LoopLag {
  readonly #timer: NodeJS.Timeout;
  readonly #now: () => number;
  #dueMs: number;
  #longestMs = 0;

  /** Watches until `stop`; does not keep the process alive. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#dueMs = now() + LOOK_MS;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** Milliseconds of the longest delay since the last call. */
  takeMs(): number {
    const longestMs = Math.max(this.#longestMs, this.#now() - this.#dueMs);
    this.#longestMs = 0;
    return Math.max(0, longestMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = this.#now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#dueMs);
    this.#dueMs = nowMs + LOOK_MS;
  }
}
