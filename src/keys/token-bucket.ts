/**
 * A rate as a bucket that fills steadily up to what one minute allows. It may be overdrawn by what is
 * known only afterwards, such as generated tokens; it then has to fill up from below zero.
 */
const MINUTE_MS = 60_000;

export class TokenBucket {
  readonly perMinute: number;
  #level: number;
  #levelAtMs: number;

  /** Starts full. `nowMs`: milliseconds that only grow, here and below. */
  constructor(perMinute: number, nowMs: number) {
    this.perMinute = perMinute;
    this.#level = perMinute;
    this.#levelAtMs = nowMs;
  }

  /** What may be taken now; below zero when overdrawn. */
  level(nowMs: number): number {
    const filled = this.#level + ((nowMs - this.#levelAtMs) * this.perMinute) / MINUTE_MS;
    return Math.min(this.perMinute, filled);
  }

  take(amount: number, nowMs: number): void {
    this.#level = this.level(nowMs) - amount;
    this.#levelAtMs = nowMs;
  }

  /** Milliseconds until `amount` can be taken; Infinity for more than a full bucket holds. */
  waitMs(amount: number, nowMs: number): number {
    if (amount > this.perMinute) return Number.POSITIVE_INFINITY;
    return Math.max(0, ((amount - this.level(nowMs)) * MINUTE_MS) / this.perMinute);
  }

  /** Milliseconds until the bucket is full. */
  resetMs(nowMs: number): number {
    return this.waitMs(this.perMinute, nowMs);
  }
}
