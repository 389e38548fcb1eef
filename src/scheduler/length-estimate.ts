/** How long completions turn out to be: a moving average that admission plans with. */
import type { Sequence } from './sequence.ts';

const SMOOTHING = 1 / 32;
/** A sequence that has outlived the average is expected to go on for this long. */
const TAIL_TOKENS = 64;

export class LengthEstimate {
  #meanTokens: number;

  constructor(initialTokens: number) {
    this.#meanTokens = initialTokens;
  }

  observe(completionTokens: number): void {
    this.#meanTokens += (completionTokens - this.#meanTokens) * SMOOTHING;
  }

  /** Tokens a sequence is expected to grow by, at most what it may. */
  remainingTokens(sequence: Sequence): number {
    const allowed = sequence.tokensMax - sequence.tokenCount;
    const expected = Math.ceil(this.#meanTokens) - sequence.completionTokenCount;
    return Math.min(allowed, Math.max(expected, TAIL_TOKENS));
  }
}
