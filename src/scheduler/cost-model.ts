/**
 * Step time learned online from measured steps: t = a + b*newTokens + c*decodeContext +
 * d*prefillPairs, fitted by least squares over an exponentially fading past. A weak prior keeps
 * coefficients that the past says nothing about where they were, and none may be negative.
 */
import { solveSymmetric } from './solve.ts';

/** What one step computes, as far as its duration depends on it. */
export type StepLoad = {
  /** Tokens computed: prefill and decode. */
  readonly newTokens: number;
  /** Context lengths of the decode rows, summed. */
  readonly decodeContext: number;
  /** (new token, token it attends to) pairs of the prefill rows, summed. */
  readonly prefillPairs: number;
};

/** Sizes at which each term has about the weight of the others, so that the fit is well scaled. */
const SCALE = [1, 256, 65_536, 1_048_576] as const;
const TERMS = SCALE.length;
/** Weight that a step keeps when the next one is observed: about 200 steps are remembered. */
const FADING = 0.995;
const PRIOR_WEIGHT = 0.05;
/** Prefill tokens that fill the target step time according to the prior. */
const PRIOR_TOKENS = 512;
/** A step longer than this many times its prediction tells of the machine, not of the load. */
const OUTLIER_RATIO = 4;
const OUTLIER_AFTER_STEPS = 16;
/** A prediction is believed up to this many times the most tokens measured in one step. */
const BELIEVED_GROWTH = 8;

export class CostModel {
  readonly #prior: Float64Array; // [terms] ms per scaled unit
  readonly #coefficients: Float64Array; // [terms]
  readonly #moments = new Float64Array(TERMS * TERMS);
  readonly #targets = new Float64Array(TERMS);
  readonly #features = new Float64Array(TERMS);
  #observedCount = 0;
  #largestStepTokens = 0;

  /** @param targetStepMs duration that the prior gives to a step of 512 tokens */
  constructor(targetStepMs: number) {
    this.#prior = new Float64Array(TERMS);
    this.#prior[1] = (targetStepMs / PRIOR_TOKENS) * SCALE[1];
    this.#coefficients = this.#prior.slice();
  }

  /** Predicted milliseconds of a step. */
  predictMs(load: StepLoad): number {
    this.#setFeatures(load);
    let ms = 0;
    for (let i = 0; i < TERMS; i++) {
      ms += (this.#features[i] as number) * (this.#coefficients[i] as number);
    }
    return ms;
  }

  /** Milliseconds that one more prefill token adds, and each pair it brings. */
  get perTokenMs(): number {
    return (this.#coefficients[1] as number) / SCALE[1];
  }

  get perPairMs(): number {
    return (this.#coefficients[3] as number) / SCALE[3];
  }

  /**
   * Most tokens of a step whose prediction rests on measurements: a machine may be far slower than
   * the prior says, and a step far too large could not be told from a hang.
   */
  get believedTokens(): number {
    return this.#largestStepTokens * BELIEVED_GROWTH;
  }

  observe(load: StepLoad, measuredMs: number): void {
    this.#largestStepTokens = Math.max(load.newTokens, this.#largestStepTokens);
    const predictedMs = this.predictMs(load);
    const settled = this.#observedCount++ >= OUTLIER_AFTER_STEPS;
    const ms = settled ? Math.min(measuredMs, predictedMs * OUTLIER_RATIO) : measuredMs;
    for (let i = 0; i < TERMS; i++) {
      const feature = this.#features[i] as number;
      this.#targets[i] = (this.#targets[i] as number) * FADING + feature * ms;
      for (let j = 0; j < TERMS; j++) {
        const at = i * TERMS + j;
        const moment = this.#moments[at] as number;
        this.#moments[at] = moment * FADING + feature * (this.#features[j] as number);
      }
    }
    this.#fit();
  }

  #setFeatures(load: StepLoad): void {
    this.#features[0] = 1;
    this.#features[1] = load.newTokens / SCALE[1];
    this.#features[2] = load.decodeContext / SCALE[2];
    this.#features[3] = load.prefillPairs / SCALE[3];
  }

  /** Ridge regression towards the prior; a term that comes out negative is left out and refitted. */
  #fit(): void {
    const active = [true, true, true, true];
    for (let attempt = 0; attempt <= TERMS; attempt++) {
      const solution = solveSymmetric(this.#normalEquations(active));
      this.#coefficients.set(solution);
      const negative = solution.findIndex((value) => value < 0);
      if (negative < 0) return;
      active[negative] = false;
    }
  }

  #normalEquations(active: readonly boolean[]): { matrix: Float64Array; right: Float64Array } {
    const matrix = this.#moments.slice();
    const right = this.#targets.slice();
    for (let i = 0; i < TERMS; i++) {
      const diagonal = i * TERMS + i;
      matrix[diagonal] = (matrix[diagonal] as number) + PRIOR_WEIGHT;
      right[i] = (right[i] as number) + PRIOR_WEIGHT * (this.#prior[i] as number);
      if (active[i]) continue;
      for (let j = 0; j < TERMS; j++) {
        matrix[i * TERMS + j] = 0;
        matrix[j * TERMS + i] = 0;
      }
      matrix[diagonal] = 1;
      right[i] = 0;
    }
    return { matrix, right };
  }
}
