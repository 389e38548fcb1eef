/**
 * Prefill tokens of one step. What is shared out is time: the step is to end at the target the
 * cost model predicts, but at least `prefillTokensMin` tokens are let through, so that prompts
 * never stand still, and at most what the step holds.
 */
import { BLOCK_SIZE } from '../kv/index.ts';
import type { SchedulerConfig } from './config.ts';
import type { CostModel, StepLoad } from './cost-model.ts';
import type { Sequence } from './sequence.ts';

/** Part of a step's budget that prompts computed whole may use: all, or half beside others. */
export type BudgetShare = 0 | 0.5 | 1;

export class PrefillBudget {
  readonly #costModel: CostModel;
  readonly #timeMs: number;
  readonly #tokensMin: number;
  readonly #tokensMax: number;
  #spentTokens = 0;
  #spentMs = 0;

  /** @param decodeLoad the decode rows of the step, which come first */
  constructor(config: SchedulerConfig, costModel: CostModel, decodeLoad: StepLoad) {
    const decoding = decodeLoad.newTokens > 0;
    const targetMs = decoding ? config.targetStepMs : config.targetPrefillStepMs;
    const room = config.stepTokenCapacity - decodeLoad.newTokens;
    const fixed = config.fixedPrefillTokens;
    this.#costModel = costModel;
    const believed = Math.max(costModel.believedTokens, config.firstPrefillTokens);
    this.#tokensMax = Math.min(fixed ?? Math.min(config.prefillTokensMax, believed), room);
    this.#tokensMin = Math.min(fixed ?? config.prefillTokensMin, room);
    // A fixed number of tokens is asked for by tests: time then has no say.
    this.#timeMs = fixed === null ? targetMs - costModel.predictMs(decodeLoad) : 0;
  }

  /** How many of `wanted` tokens after `context` tokens still fit into `share` of the budget. */
  tokensFor(context: number, wanted: number, share: BudgetShare): number {
    const left = this.#limit(context, share, this.#spentMs, this.#spentTokens);
    return Math.max(0, Math.min(wanted, left));
  }

  /** How many tokens after `context` tokens `share` of an untouched budget holds. */
  capacity(context: number, share: BudgetShare): number {
    return this.#limit(context, share, 0, 0);
  }

  spend(context: number, tokens: number): void {
    this.#spentTokens += tokens;
    const { perTokenMs, perPairMs } = this.#costModel;
    this.#spentMs += perTokenMs * tokens + perPairMs * prefillPairs(context, tokens);
  }

  #limit(context: number, share: BudgetShare, spentMs: number, spentTokens: number): number {
    const min = shareOf(this.#tokensMin, share) - spentTokens;
    const max = shareOf(this.#tokensMax, share) - spentTokens;
    return Math.min(
      max,
      Math.max(min, this.#tokensWithin(this.#timeMs * share - spentMs, context)),
    );
  }

  /** Largest n with perToken * n + perPair * n * (context + n / 2) <= timeMs. */
  #tokensWithin(timeMs: number, context: number): number {
    if (timeMs <= 0) return 0;
    const { perTokenMs, perPairMs } = this.#costModel;
    const linear = perTokenMs + perPairMs * context;
    const root = Math.sqrt(linear * linear + 2 * perPairMs * timeMs);
    // Without any measured cost the quotient is infinite: the token limit decides.
    return Math.floor((2 * timeMs) / (linear + root));
  }
}

/** (new token, token it attends to) pairs of a prefill row. */
export const prefillPairs = (context: number, tokens: number): number =>
  tokens * (context + tokens / 2);

/**
 * How many of the next `allowed` tokens of a sequence make one row. A row ends at a multiple of 64
 * from position 0, at the end of the prompt or at the last known token, and never holds prompt
 * tokens beside generated ones: so what is computed together does not depend on load or cache.
 */
export function chunkTokens(sequence: Sequence, allowed: number): number {
  const start = sequence.committed;
  const inPrompt = start < sequence.promptTokenCount;
  const segmentEnd = inPrompt ? sequence.promptTokenCount : sequence.tokenCount;
  const end = start + allowed;
  if (end >= segmentEnd) return segmentEnd - start;
  return Math.max(0, end - (end % BLOCK_SIZE) - start);
}

function shareOf(tokens: number, share: BudgetShare): number {
  return share === 1 ? tokens : Math.floor((tokens * share) / BLOCK_SIZE) * BLOCK_SIZE;
}
