/** What each running sequence computes in a step: decode rows first, then shares of the prefill budget. */
import { BLOCK_SIZE } from '../kv/index.ts';
import type { StepLoad } from './cost-model.ts';
import {
  type BudgetShare,
  chunkTokens,
  type PrefillBudget,
  prefillPairs,
} from './prefill-budget.ts';
import type { Sequence } from './sequence.ts';
import type { PlanAdmission, PlanRow, StepPlan } from './step-plan.ts';

/** A prefill that got no row for this many steps goes before all others. */
const STARVED_STEPS = 8;

/** Load of the decode rows that the running sequences bring. */
export function decodeLoad(sequences: readonly Sequence[]): StepLoad {
  let newTokens = 0;
  let decodeContext = 0;
  for (const sequence of sequences) {
    if (!sequence.isDecoding || sequence.awaitsMask) continue;
    newTokens++;
    decodeContext += sequence.tokenCount;
  }
  return { newTokens, decodeContext, prefillPairs: 0 };
}

export function loadOf(plan: StepPlan): StepLoad {
  let decodeContext = 0;
  let pairs = 0;
  for (const [i, row] of plan.rows.entries()) {
    if (i < plan.decodeTokenCount) decodeContext += row.contextBefore + 1;
    else pairs += prefillPairs(row.contextBefore, row.queryLength);
  }
  const newTokens = plan.decodeTokenCount + plan.prefillTokenCount;
  return { newTokens, decodeContext, prefillPairs: pairs };
}

/** Shares of the prefill budget for prompts that can be computed whole within one step. */
export type WholeShares = {
  /** In this step. */
  readonly now: BudgetShare;
  /** In the next step in which they have a share. */
  readonly later: BudgetShare;
};

/**
 * Prompts that are computed whole have half of the budget beside a partial prefill; where half is
 * less than a block, the two kinds take turns.
 */
export function wholeShares(partials: readonly Sequence[], budget: PrefillBudget): WholeShares {
  if (partials.length === 0) return { now: 1, later: 1 };
  const context = Math.max(...partials.map((sequence) => sequence.committed));
  if (budget.capacity(context, 1) >= 2 * BLOCK_SIZE) return { now: 0.5, later: 0.5 };
  const served = partials.some((sequence) => sequence.stepsSinceChunk === 0);
  return { now: served ? 1 : 0, later: 1 };
}

/** Shares what is left of the budget out to the prefills that have no tokens planned yet. */
export function planPrefills(
  sequences: readonly Sequence[],
  budget: PrefillBudget,
  nowMs: number,
): void {
  const pending = sequences.filter((sequence) => sequence.planned === 0 && !sequence.awaitsMask);
  if (pending.length > 1)
    pending.sort((left, right) => urgency(right, nowMs) - urgency(left, nowMs));
  for (const sequence of pending) {
    const allowed = budget.tokensFor(sequence.committed, sequence.uncomputed, 1);
    sequence.planned = chunkTokens(sequence, allowed);
    budget.spend(sequence.committed, sequence.planned);
  }
}

/** Shortest remaining first, with aging: the wait divided by what remains (highest response ratio). */
function urgency(sequence: Sequence, nowMs: number): number {
  if (sequence.stepsSinceChunk >= STARVED_STEPS) return Number.MAX_VALUE;
  return (nowMs - sequence.arrivalMs + 1) / sequence.uncomputed;
}

/** The row of a sequence whose blocks are reserved; the executor is sent new table entries alone. */
export function rowOf(sequence: Sequence): PlanRow {
  const { committed, planned, table } = sequence;
  return {
    sequenceId: sequence.id,
    slot: sequence.slot,
    epoch: sequence.epoch,
    promptTokenCount: sequence.promptTokenCount,
    contextBefore: committed,
    queryLength: planned,
    sample: committed + planned === sequence.tokenCount,
    promptLogprobs: sequence.owesPromptLogprobs,
    tokens: sequence.tokens,
    blocks: table.blocks,
    newBlockFrom: sequence.publishedBlocks,
    newBlockTo: table.length,
  };
}

export function admissionOf(sequence: Sequence): PlanAdmission {
  const { spec } = sequence;
  return {
    sequenceId: sequence.id,
    slot: sequence.slot,
    epoch: sequence.epoch,
    sampling: spec.sampling,
    promptTokenCount: sequence.promptTokenCount,
    tokens: sequence.tokens.slice(0, sequence.tokenCount),
    minTokens: spec.minTokens,
    stopTokenIds: spec.stopTokenIds,
  };
}
