/**
 * How long a step may take before it counts as a hang. A slow machine must not be taken for a hanging
 * one: what it has needed before, it may need again.
 */

/** A step may take this many times as long as the longest before it. */
const SLACK = 2;
/** The longest step fades by this much a step, so that one stall does not blunt the watch for good. */
const FADING = 0.999;

export class StepAllowance {
  readonly #deadlineMs: number;
  #longestMs = 0;
  #largestTokens = 0;
  #msPerTokenMax = 0;

  /** @param deadlineMs allowed to every step */
  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  observe(tokenCount: number, ms: number): void {
    this.#longestMs = Math.max(ms, this.#longestMs * FADING);
    this.#largestTokens = Math.max(tokenCount, this.#largestTokens);
    this.#msPerTokenMax = Math.max(ms / tokenCount, this.#msPerTokenMax * FADING);
  }

  /** Milliseconds that a step of so many tokens may take. */
  of(tokenCount: number): number {
    // Larger than any before: computing its tokens one by one is the worst that can be expected.
    const unproven = tokenCount > this.#largestTokens ? tokenCount * this.#msPerTokenMax : 0;
    return Math.max(this.#deadlineMs, SLACK * Math.max(this.#longestMs, unproven));
  }
}
