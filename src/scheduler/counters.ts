/** Totals of the scheduler since it was made, and the figures it reports after each step. */
import type { BlockedReason } from './step-plan.ts';

/** Totals since the scheduler was made. */
export type Counters = {
  prefixQueriedTokens: number;
  prefixHitTokens: number;
  preemptionCount: number;
  recomputedTokens: number;
  prefillTokens: number;
  decodeTokens: number;
  stepCount: number;
  nanRowCount: number;
};

export const zeroCounters = (): Counters => ({
  prefixQueriedTokens: 0,
  prefixHitTokens: 0,
  preemptionCount: 0,
  recomputedTokens: 0,
  prefillTokens: 0,
  decodeTokens: 0,
  stepCount: 0,
  nanRowCount: 0,
});

export type SchedulerStats = Readonly<Counters> & {
  readonly runningCount: number;
  readonly waitingCount: number;
  readonly blocksTotal: number;
  /** Allocatable blocks, those kept for the prefix cache included. */
  readonly blocksFree: number;
  readonly blocksCached: number;
  readonly blocksUsed: number;
  readonly stepPrefillTokens: number;
  readonly stepDecodeTokens: number;
  readonly oldestWaitMs: number;
  readonly blockedReason: BlockedReason;
};
