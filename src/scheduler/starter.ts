/**
 * Moves sequences from the waiting queue to the running set, as many as slots, blocks and the
 * prefill budget allow. A higher priority may take slot and blocks from lower ones.
 */
import { BLOCK_SIZE, type KvCache, type PrefixMatch } from '../kv/index.ts';
import type { Admission } from './admission.ts';
import type { SchedulerConfig } from './config.ts';
import { chooseVictim } from './preemption.ts';
import type { BudgetShare, PrefillBudget } from './prefill-budget.ts';
import type { RunningSet } from './running-set.ts';
import type { Sequence } from './sequence.ts';
import { findLeader, type Leader, matchLimit } from './shared-prefix.ts';
import type { BlockedReason } from './step-plan.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** A head that did not fit is tried again after this many steps, even if nothing was given back. */
const RETRY_STEPS = 16;

type Verdict = 'started' | 'parked' | 'partial' | Exclude<BlockedReason, 'none'>;

/** What the starter may use in one step. */
export type StartBudget = {
  readonly prefill: PrefillBudget;
  /** Part of the prefill budget for prompts that can be computed whole in this step. */
  readonly wholeShare: BudgetShare;
  /** Further prompts that may be left partly computed. */
  partialsLeft: number;
};

export type StarterParts = {
  readonly config: SchedulerConfig;
  readonly kv: KvCache;
  readonly waiting: WaitingQueue;
  readonly running: RunningSet;
  readonly admission: Admission;
  readonly preempt: (victim: Sequence) => void;
  readonly park: (sequence: Sequence, leader: Leader) => void;
  readonly onStart: (sequence: Sequence, queriedTokens: number) => void;
};

export class Starter {
  readonly #parts: StarterParts;
  #blockedHead: Sequence | null = null;
  #blockedSteps = 0;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** Something was given back: a head that did not fit is worth another try. */
  retry(): void {
    this.#blockedHead = null;
  }

  /** Starts what can be started, and says what holds up the next one. */
  run(budget: StartBudget): BlockedReason {
    const { waiting } = this.#parts;
    for (let head = waiting.next(); head !== null; head = waiting.next()) {
      if (head === this.#blockedHead && ++this.#blockedSteps < RETRY_STEPS) return 'blocks';
      this.#blockedHead = null;
      const verdict = this.#tryStart(head, budget, true);
      if (verdict === 'started' || verdict === 'parked') continue;
      if (verdict === 'blocks') {
        this.#blockedHead = head;
        this.#blockedSteps = 0;
      }
      if (verdict === 'partial') this.#overtake(head, budget);
      return verdict === 'partial' ? 'budget' : verdict;
    }
    return 'none';
  }

  /** Prompts that fit into this step as a whole go past one that may not be begun yet. */
  #overtake(head: Sequence, budget: StartBudget): void {
    for (const other of this.#parts.waiting.overtakers(head)) {
      const verdict = this.#tryStart(other, budget, false);
      if (verdict === 'slots' || verdict === 'blocks') return;
    }
  }

  #tryStart(candidate: Sequence, budget: StartBudget, mayPreempt: boolean): Verdict {
    const { config, running, waiting } = this.#parts;
    const match = this.#match(candidate);
    const matchedTokens = match.blocks.length * BLOCK_SIZE;
    if (this.#parkBehindLeader(candidate, matchedTokens)) return 'parked';

    const remaining = candidate.tokenCount - matchedTokens;
    const whole = this.#fitsWhole(candidate, matchedTokens, budget);
    if (!whole) {
      if (budget.partialsLeft === 0) return 'partial';
      const first = Math.min(remaining, BLOCK_SIZE);
      if (budget.prefill.tokensFor(matchedTokens, first, 1) < first) return 'budget';
    }
    const blocked = this.#makeRoom(candidate, match, mayPreempt);
    if (blocked !== 'none') return blocked;

    waiting.take(candidate);
    running.start(candidate, match);
    this.#parts.onStart(candidate, matchLimit(candidate, config.strict));
    if (whole) {
      candidate.planned = remaining;
      budget.prefill.spend(matchedTokens, remaining);
    } else {
      budget.partialsLeft--;
    }
    return 'started';
  }

  #match(candidate: Sequence): PrefixMatch {
    const limit = matchLimit(candidate, this.#parts.config.strict);
    return this.#parts.kv.match(candidate.namespace, candidate.tokens, limit);
  }

  /** A sequence is parked once at most, so that it cannot be led on from neighbour to neighbour. */
  #parkBehindLeader(candidate: Sequence, matchedTokens: number): boolean {
    const { config, running, waiting, park } = this.#parts;
    if (!config.prefixCache || candidate.leader !== null) return false;
    const leader = findLeader({
      candidate,
      matchedTokens,
      running: running.sequences,
      strict: config.strict,
    });
    if (leader === null) return false;
    waiting.take(candidate);
    park(candidate, leader);
    return true;
  }

  #fitsWhole(candidate: Sequence, matchedTokens: number, budget: StartBudget): boolean {
    const remaining = candidate.tokenCount - matchedTokens;
    const hasGenerated = candidate.completionTokenCount > 0;
    // Generated tokens that are computed again take a row of their own, after the prompt's.
    if (hasGenerated && matchedTokens < candidate.promptTokenCount) return false;
    return budget.prefill.tokensFor(matchedTokens, remaining, budget.wholeShare) >= remaining;
  }

  /** Sees to it that slot and blocks are there, if need be by preempting lower priorities. */
  #makeRoom(candidate: Sequence, match: PrefixMatch, mayPreempt: boolean): BlockedReason {
    const { admission, running, preempt } = this.#parts;
    if (!running.isFull && admission.fits(candidate, match)) return 'none';
    const yields = (other: Sequence) =>
      other.spec.priority > candidate.spec.priority && !running.isProtected(other);
    const reason = running.isFull ? 'slots' : 'blocks';
    if (!mayPreempt || !running.sequences.some(yields)) return reason;
    if (!admission.fits(candidate, match, (other) => !yields(other))) return 'blocks';
    for (;;) {
      const victim = chooseVictim(running.sequences, yields);
      if (victim === null) return 'blocks';
      preempt(victim);
      if (admission.fits(candidate, this.#match(candidate))) return 'none';
    }
  }
}
