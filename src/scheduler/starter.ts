/**
 * Moves sequences from the waiting queue to the running set, as many as slots, blocks and the
 * prefill budget allow. A higher priority may take slot and blocks from lower ones.
 */
import { BLOCK_SIZE, type KvCache, type PrefixMatch } from '../kv/index.ts';
import type { Admission } from './admission.ts';
import type { SchedulerConfig } from './config.ts';
import { chooseVictim } from './preemption.ts';
import type { PrefillBudget } from './prefill-budget.ts';
import type { WholeShares } from './rows.ts';
import type { RunningSet } from './running-set.ts';
import type { Sequence } from './sequence.ts';
import { findLeader, matchLimit, type Parking } from './shared-prefix.ts';
import type { BlockedReason } from './step-plan.ts';
import type { WaitingQueue } from './waiting-queue.ts';

/** A head that did not fit is tried again after this many steps, even if nothing was given back. */
const RETRY_STEPS = 16;

/** What becomes of a candidate's prompt in this step. */
type Extent = 'whole' | 'part' | 'partial' | 'budget';

type Verdict = 'started' | 'parked' | 'partial' | Exclude<BlockedReason, 'none'>;

/** What the starter may use in one step. */
export type StartBudget = {
  readonly nowMs: number;
  readonly prefill: PrefillBudget;
  readonly wholeShares: WholeShares;
  /** Further prompts that may be left partly computed. */
  partialsLeft: number;
};

export type StarterParts = {
  readonly config: SchedulerConfig;
  readonly kv: KvCache;
  readonly waiting: WaitingQueue;
  readonly running: RunningSet;
  readonly admission: Admission;
  readonly parking: Parking;
  readonly preempt: (victim: Sequence) => void;
  readonly onStart: (sequence: Sequence, queriedTokens: number) => void;
};

export class Starter {
  readonly #parts: StarterParts;
  /** The head that found no slot or no blocks, which of them, and for how many steps it is known. */
  #blocked: { readonly head: Sequence; readonly reason: 'slots' | 'blocks' } | null = null;
  #blockedSteps = 0;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** Something was given back: a head that did not fit is worth another try. */
  retry(): void {
    this.#blocked = null;
  }

  /** Starts what can be started, and says what holds up the next one. */
  run(budget: StartBudget): BlockedReason {
    const { waiting } = this.#parts;
    for (let head = waiting.next(); head !== null; head = waiting.next()) {
      if (head === this.#blocked?.head && ++this.#blockedSteps < RETRY_STEPS) {
        return this.#blocked.reason;
      }
      this.#blocked = null;
      const verdict = this.#tryStart(head, budget, true);
      if (verdict === 'started' || verdict === 'parked') continue;
      if (verdict === 'slots' || verdict === 'blocks') {
        this.#blocked = { head, reason: verdict };
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
    if (this.#parkBehindLeader(candidate, matchedTokens, budget.nowMs)) return 'parked';

    const remaining = candidate.tokenCount - matchedTokens;
    const extent = this.#extent(candidate, matchedTokens, budget);
    if (extent !== 'whole' && extent !== 'part') return extent;
    const blocked = this.#makeRoom(candidate, match, mayPreempt);
    if (blocked !== 'none') return blocked;

    waiting.take(candidate);
    running.start(candidate, match);
    this.#parts.onStart(candidate, matchLimit(candidate, config.strict));
    // A sequence that returns before its mask holds its place, but computes nothing yet.
    if (candidate.awaitsMask) return 'started';
    if (extent === 'whole') {
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
  #parkBehindLeader(candidate: Sequence, matchedTokens: number, nowMs: number): boolean {
    const { config, running, waiting, parking } = this.#parts;
    if (!config.prefixCache || candidate.leader !== null) return false;
    const leader = findLeader({
      candidate,
      matchedTokens,
      running: running.sequences,
      strict: config.strict,
    });
    if (leader === null) return false;
    waiting.take(candidate);
    parking.park(candidate, leader, nowMs);
    return true;
  }

  /** Whether a prompt is computed whole or begun in this step, or what it has to wait for. */
  #extent(candidate: Sequence, matchedTokens: number, budget: StartBudget): Extent {
    const { prefill, wholeShares, partialsLeft } = budget;
    const remaining = candidate.tokenCount - matchedTokens;
    // Generated tokens that are computed again take a row of their own, after the prompt's.
    const oneRow =
      candidate.completionTokenCount === 0 || matchedTokens >= candidate.promptTokenCount;
    if (oneRow) {
      if (prefill.tokensFor(matchedTokens, remaining, wholeShares.now) >= remaining) return 'whole';
      // It will fit as a whole next time; begun now, it would keep those begun before waiting.
      if (prefill.capacity(matchedTokens, wholeShares.later) >= remaining) return 'budget';
    }
    if (partialsLeft === 0) return 'partial';
    const first = Math.min(remaining, BLOCK_SIZE);
    return prefill.tokensFor(matchedTokens, first, 1) < first ? 'budget' : 'part';
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
