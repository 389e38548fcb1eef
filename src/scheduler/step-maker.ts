/**
 * Makes the plan of one step: brings back parked sequences, starts waiting ones, shares out the
 * prefill budget, finds blocks, and hands out the rows. The parts it works on are the scheduler's.
 */
import type { KvCache } from '../kv/index.ts';
import { Admission } from './admission.ts';
import type { SchedulerConfig } from './config.ts';
import type { CostModel } from './cost-model.ts';
import type { Counters } from './counters.ts';
import type { LengthEstimate } from './length-estimate.ts';
import { PrefillBudget } from './prefill-budget.ts';
import { decodeBlocksNeeded, Reservation } from './reservation.ts';
import { admissionOf, decodeLoad, planPrefills, rowOf, wholeShares } from './rows.ts';
import type { RunningSet } from './running-set.ts';
import type { Sequence } from './sequence.ts';
import type { Parking } from './shared-prefix.ts';
import { Starter } from './starter.ts';
import type { BlockedReason, FirstStep, StepPlan } from './step-plan.ts';
import type { WaitingQueue } from './waiting-queue.ts';

export type StepMakerParts = {
  readonly config: SchedulerConfig;
  readonly kv: KvCache;
  readonly costModel: CostModel;
  readonly lengths: LengthEstimate;
  readonly waiting: WaitingQueue;
  readonly parking: Parking;
  readonly running: RunningSet;
  readonly counters: Counters;
};

/** A plan and the sequences of its rows, in the same order. */
export type MadeStep = { readonly plan: StepPlan; readonly sequences: readonly Sequence[] };

export class StepMaker {
  readonly #parts: StepMakerParts;
  readonly #starter: Starter;
  readonly #reservation: Reservation;
  #blockedReason: BlockedReason = 'none';
  #stepPrefillTokens = 0;
  #stepDecodeTokens = 0;
  #planCount = 0;

  constructor(parts: StepMakerParts) {
    const preempt = (victim: Sequence) => this.#preempt(victim);
    this.#parts = parts;
    this.#reservation = new Reservation(parts.kv, parts.running, preempt);
    this.#starter = new Starter({
      ...parts,
      admission: new Admission(parts),
      preempt,
      onStart: (sequence, queriedTokens) => this.#countMatch(sequence, queriedTokens),
    });
  }

  /** Figures of the last plan. */
  get figures() {
    return {
      stepPrefillTokens: this.#stepPrefillTokens,
      stepDecodeTokens: this.#stepDecodeTokens,
      blockedReason: this.#blockedReason,
    };
  }

  make(nowMs: number): MadeStep {
    const { config, costModel, parking, running } = this.#parts;
    for (const sequence of parking.takeReady(nowMs)) this.#return(sequence);
    const { sequences } = running;
    for (const sequence of sequences)
      sequence.planned = sequence.isDecoding && !sequence.awaitsMask ? 1 : 0;
    const budget = new PrefillBudget(config, costModel, decodeLoad(sequences));
    this.#blockedReason = this.#startWaiting(budget, nowMs);
    planPrefills(sequences, budget, nowMs);
    if (this.#reservation.run()) this.#blockedReason = 'blocks';
    return this.#handOut(nowMs);
  }

  /** Takes slot and blocks of a sequence back. */
  stop(sequence: Sequence): void {
    this.#parts.running.stop(sequence);
    this.#starter.retry();
  }

  #startWaiting(budget: PrefillBudget, nowMs: number): BlockedReason {
    const { config, kv, waiting, running } = this.#parts;
    if (waiting.length === 0) return 'none';
    // Blocks are short already: whoever is started now would be preempted next.
    if (decodeBlocksNeeded(running.sequences) > kv.pool.freeCount) return 'blocks';
    const partials = running.sequences.filter((sequence) => !sequence.isDecoding);
    return this.#starter.run({
      nowMs,
      prefill: budget,
      wholeShares: wholeShares(partials, budget),
      partialsLeft: Math.max(0, config.partialPrefillsMax - partials.length),
    });
  }

  /** Turns what is planned for each running sequence into the plan that the executor gets. */
  #handOut(nowMs: number): MadeStep {
    const { running } = this.#parts;
    const planned = running.sequences.filter((sequence) => sequence.planned > 0);
    const decodes = planned.filter((sequence) => sequence.isDecoding);
    const prefills = planned.filter((sequence) => !sequence.isDecoding);
    const sequences = [...decodes, ...prefills];
    this.#stepDecodeTokens = decodes.length;
    this.#stepPrefillTokens = prefills.reduce((sum, sequence) => sum + sequence.planned, 0);
    const plan: StepPlan = {
      stepIndex: this.#planCount++,
      releases: running.takeReleases(),
      admissions: running.takeStarted().map(admissionOf),
      firstSteps: takeFirstSteps(sequences, nowMs),
      rows: sequences.map(rowOf),
      decodeTokenCount: this.#stepDecodeTokens,
      prefillTokenCount: this.#stepPrefillTokens,
    };
    for (const sequence of running.sequences) {
      if (!sequence.isDecoding) sequence.stepsSinceChunk++;
    }
    for (const sequence of sequences) {
      sequence.allocated = sequence.committed + sequence.planned;
      sequence.publishedBlocks = sequence.table.length;
      sequence.stepsSinceChunk = 0;
      sequence.inFlight = true;
    }
    return { plan, sequences };
  }

  #preempt(victim: Sequence): void {
    this.stop(victim);
    victim.preemptionCount++;
    this.#parts.counters.preemptionCount++;
    this.#return(victim);
  }

  #return(sequence: Sequence): void {
    sequence.status = 'waiting';
    this.#parts.waiting.pushReturned(sequence);
  }

  #countMatch(sequence: Sequence, queriedTokens: number): void {
    const { counters } = this.#parts;
    counters.prefixQueriedTokens += queriedTokens;
    counters.prefixHitTokens += sequence.committed;
    // A preempted sequence finds its own blocks again: only the first start tells of the cache.
    if (sequence.preemptionCount === 0) sequence.cachedTokenCount = sequence.committed;
  }
}

function takeFirstSteps(sequences: readonly Sequence[], nowMs: number): readonly FirstStep[] {
  const first = sequences.filter((sequence) => sequence.firstScheduledMs < 0);
  for (const sequence of first) sequence.firstScheduledMs = nowMs;
  return first.map(({ id, arrivalMs, cachedTokenCount }) => ({
    id,
    queuedMs: nowMs - arrivalMs,
    cachedTokenCount,
  }));
}
