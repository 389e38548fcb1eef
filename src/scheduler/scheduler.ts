/**
 * Decides what each step computes. Pure: time is an argument, and equal calls give equal plans.
 * The engine loop calls `schedule`, has the plan executed, and hands the outcome to `apply`.
 */
import { EtapError } from '../errors.ts';
import { BLOCK_SIZE, KvCache } from '../kv/index.ts';
import { assertThat } from './assert.ts';
import type { SchedulerConfig } from './config.ts';
import { CostModel } from './cost-model.ts';
import { type Counters, type SchedulerStats, zeroCounters } from './counters.ts';
import { type Ending, endingAfterToken, finishRecord } from './finish.ts';
import { LengthEstimate } from './length-estimate.ts';
import { refusalOf } from './refusal.ts';
import { loadOf } from './rows.ts';
import { RunningSet } from './running-set.ts';
import { Sequence, type SequenceSpec } from './sequence.ts';
import { Parking, shareableTokens } from './shared-prefix.ts';
import { type MadeStep, StepMaker } from './step-maker.ts';
import type { Finish, StepEffects, StepOutcome, StepPlan } from './step-plan.ts';
import { WaitingQueue } from './waiting-queue.ts';

const NO_SLOTS: ReadonlySet<number> = new Set();

/** Everything the scheduler holds, for checks; nothing may be changed through it. */
export type SchedulerView = {
  readonly config: SchedulerConfig;
  readonly kv: KvCache;
  readonly running: readonly Sequence[];
  readonly waiting: readonly Sequence[];
  readonly parked: readonly Sequence[];
  readonly compiling: readonly Sequence[];
  readonly openCount: number;
};

export class Scheduler {
  readonly config: SchedulerConfig;
  /** Longest sequence that the model and the block pool can hold, completion included. */
  readonly sequenceTokensMax: number;
  readonly #kv: KvCache;
  readonly #costModel: CostModel;
  readonly #lengths: LengthEstimate;
  readonly #waiting: WaitingQueue;
  readonly #parking: Parking;
  readonly #running: RunningSet;
  readonly #maker: StepMaker;
  readonly #open = new Map<number, Sequence>();
  /** Sequences whose grammar is not ready yet. */
  readonly #compiling = new Set<Sequence>();
  readonly #counters: Counters = zeroCounters();
  readonly #emitted: Int32Array; // [maxSequences, 2] (sequence id, token id) of one step
  readonly #emittedRows: Int32Array; // [maxSequences]
  #finishes: Finish[] = [];
  #inFlight: MadeStep | null = null;
  #arrivalCount = 0;
  #nowMs = 0;

  constructor(config: SchedulerConfig) {
    const kv = new KvCache(config);
    this.config = config;
    this.#kv = kv;
    this.#lengths = new LengthEstimate(config.expectedCompletionTokens);
    this.#costModel = new CostModel(config.targetStepMs);
    this.sequenceTokensMax = Math.min(config.maxModelLen, kv.pool.usableCount * BLOCK_SIZE);
    this.#running = new RunningSet(kv, config.maxSequences, config.preemptionsMax);
    this.#waiting = new WaitingQueue(
      config.fairQuantumTokens,
      (sequence) => sequence.tokenCount + this.#lengths.remainingTokens(sequence),
    );
    this.#parking = new Parking(config.sharedPrefixWaitMsMax);
    this.#emitted = new Int32Array(config.maxSequences * 2);
    this.#emittedRows = new Int32Array(config.maxSequences);
    this.#maker = new StepMaker({
      config,
      kv,
      costModel: this.#costModel,
      lengths: this.#lengths,
      waiting: this.#waiting,
      parking: this.#parking,
      running: this.#running,
      counters: this.#counters,
    });
  }

  /** Whether there is something to compute, to release or to tell. */
  get hasWork(): boolean {
    const canGetOn = this.#open.size > this.#compiling.size;
    return canGetOn || this.#running.hasReleases || this.#finishes.length > 0;
  }

  /** Accepts a sequence, or ends it at once with the reason why it can never be computed. */
  add(spec: SequenceSpec, nowMs: number): void {
    if (this.#open.has(spec.id)) throw new Error(`Sequence id ${spec.id} is already in use.`);
    const arrivalMs = this.#advance(nowMs);
    const promptTokenCount = spec.promptTokens.length;
    const error = refusalOf(spec, {
      config: this.config,
      waitingCount: this.#waitingCount,
      sequenceTokensMax: this.sequenceTokensMax,
    });
    const tokensMax = Math.min(promptTokenCount + spec.maxTokens, this.sequenceTokensMax);
    const sequence = new Sequence(spec, {
      tokensMax: error === null ? tokensMax : promptTokenCount,
      arrivalIndex: this.#arrivalCount++,
      arrivalMs,
      namespace: this.#kv.openNamespace(spec.cacheSalt),
    });
    this.#open.set(spec.id, sequence);
    if (error !== null) this.#end(sequence, { reason: 'error', error });
    else if (spec.constrained) {
      sequence.status = 'compiling';
      this.#compiling.add(sequence);
    } else this.#waiting.push(sequence);
  }

  /** The grammar of a constrained sequence is ready: it may start. Unknown ids are ignored. */
  grammarReady(id: number): void {
    const sequence = this.#open.get(id);
    if (sequence === undefined || !this.#compiling.delete(sequence)) return;
    sequence.status = 'waiting';
    this.#waiting.push(sequence);
  }

  /** The mask for the token after `completionTokenCount` others is there. Unknown ids are ignored. */
  maskReady(id: number, completionTokenCount: number): void {
    const sequence = this.#open.get(id);
    if (sequence === undefined) return;
    assertThat(
      completionTokenCount === sequence.completionTokenCount,
      `Sequence ${id} has ${sequence.completionTokenCount} tokens, its mask is for ${completionTokenCount}.`,
    );
    sequence.maskedAfter = sequence.tokenCount;
  }

  /** The text of a constrained sequence cannot go on: it ends here. Unknown ids are ignored. */
  complete(id: number, nowMs: number): void {
    this.#advance(nowMs);
    const sequence = this.#open.get(id);
    if (sequence !== undefined) this.#end(sequence, { reason: 'stop' });
  }

  /** Ends a sequence early. Ids that are unknown, or at their end, are ignored. */
  abort(id: number, nowMs: number): void {
    this.#advance(nowMs);
    const sequence = this.#open.get(id);
    if (sequence !== undefined) this.#end(sequence, { reason: 'abort' });
  }

  /** Ends one sequence with an error. */
  fail(id: number, error: EtapError, nowMs: number): void {
    this.#advance(nowMs);
    const sequence = this.#open.get(id);
    if (sequence !== undefined) this.#end(sequence, { reason: 'error', error });
  }

  /** Ends a sequence of the current plan that the executor would not admit; it knows no such slot. */
  refuse(id: number, error: EtapError, nowMs: number): void {
    const sequence = this.#open.get(id);
    if (sequence !== undefined) sequence.announced = false;
    this.fail(id, error, nowMs);
  }

  /** Ends every sequence with an error: the executor is lost, and with it the step in flight. */
  failAll(error: EtapError, nowMs: number): void {
    if (this.#inFlight !== null) this.#land();
    for (const id of [...this.#open.keys()]) this.fail(id, error, nowMs);
    this.#stopFinished();
  }

  /** Forgets the cached blocks that no sequence holds. */
  flushPrefixCache(): void {
    this.#kv.flush();
  }

  /** Ends since the last call. */
  takeFinishes(): readonly Finish[] {
    const finishes = this.#finishes;
    this.#finishes = [];
    return finishes;
  }

  /** Plans the next step; unless it has no rows, its outcome must be applied before the next call. */
  schedule(nowMs: number): StepPlan {
    if (this.#inFlight !== null) throw new Error('The step in flight was not applied yet.');
    const made = this.#maker.make(this.#advance(nowMs));
    const held = this.#running.sequences.some((sequence) => sequence.awaitsMask);
    const mayStandStill = made.sequences.length > 0 || held;
    const stuckCount = mayStandStill ? 0 : this.#open.size - this.#compiling.size;
    assertThat(stuckCount === 0, `${stuckCount} sequences are open, but none gets on.`);
    if (made.sequences.length > 0) this.#inFlight = made;
    return made.plan;
  }

  /**
   * Takes in the outcome of the step in flight. Rows in `refusedSlots` were not executed and are
   * not in the outcome: their sequences have been failed before.
   */
  apply(
    outcome: StepOutcome,
    nowMs: number,
    refusedSlots: ReadonlySet<number> = NO_SLOTS,
  ): StepEffects {
    const now = this.#advance(nowMs);
    const { plan, sequences } = this.#land();
    if (refusedSlots.size === 0) {
      this.#costModel.observe(loadOf(plan), outcome.stepMicros / 1000);
    }
    let emittedCount = 0;
    let next = 0;
    for (const sequence of sequences) {
      if (refusedSlots.has(sequence.slot)) continue;
      const at = next++;
      const token = outcome.tokens[at] as number;
      const finite = outcome.finite[at] === 1;
      // A sequence that was aborted while its row was in flight takes nothing from it.
      if (sequence.status === 'finished') continue;
      if (!finite) this.#failNotFinite(sequence);
      else if (this.#commit(sequence, token, now)) {
        this.#emitted[emittedCount * 2] = sequence.id;
        this.#emitted[emittedCount * 2 + 1] = token;
        this.#emittedRows[emittedCount++] = at;
      }
    }
    this.#counters.stepCount++;
    this.#stopFinished();
    return {
      tokens: this.#emitted.slice(0, emittedCount * 2),
      rows: this.#emittedRows.slice(0, emittedCount),
    };
  }

  stats(): SchedulerStats {
    const { pool } = this.#kv;
    const parkedMs = this.#parking.oldest?.arrivalMs ?? this.#nowMs;
    const oldestMs = Math.min(this.#nowMs, parkedMs, this.#waiting.oldestArrivalMs());
    return {
      ...this.#counters,
      runningCount: this.#running.sequences.length,
      waitingCount: this.#waitingCount,
      blocksTotal: pool.usableCount,
      blocksFree: pool.freeCount,
      blocksCached: this.#kv.cachedCount,
      blocksUsed: pool.usedCount,
      ...this.#maker.figures,
      oldestWaitMs: this.#nowMs - oldestMs,
    };
  }

  view(): SchedulerView {
    return {
      config: this.config,
      kv: this.#kv,
      running: this.#running.sequences,
      waiting: [...this.#waiting.all()],
      parked: [...this.#parking.all()],
      compiling: [...this.#compiling],
      openCount: this.#open.size,
    };
  }

  get #waitingCount(): number {
    return this.#waiting.length + this.#parking.length + this.#compiling.size;
  }

  /** The clock may stand still or be set back; the scheduler's time never runs backwards. */
  #advance(nowMs: number): number {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    return this.#nowMs;
  }

  /** The step in flight has come back, or never will. */
  #land(): MadeStep {
    const landed = this.#inFlight;
    if (landed === null) throw new Error('No step is in flight.');
    this.#inFlight = null;
    for (const sequence of landed.sequences) sequence.inFlight = false;
    return landed;
  }

  /** The row of a sequence is computed: its KV is final. Returns whether a token is to be emitted. */
  #commit(sequence: Sequence, token: number, nowMs: number): boolean {
    const decoding = sequence.isDecoding;
    const before = sequence.committed;
    sequence.committed = sequence.allocated;
    this.#countTokens(sequence, before, decoding);
    sequence.committedMax = Math.max(sequence.committedMax, sequence.committed);
    const shareable = Math.min(sequence.committed, shareableTokens(sequence, this.config.strict));
    this.#kv.index(sequence.table, sequence.namespace, sequence.tokens, shareable);
    if (sequence.committed < sequence.tokenCount) return false;

    if (token < 0) throw new Error(`No token was sampled for sequence ${sequence.id}.`);
    if (sequence.firstTokenMs < 0) sequence.firstTokenMs = nowMs;
    sequence.appendToken(token);
    const ending = endingAfterToken(sequence, token);
    if (ending !== null) this.#end(sequence, ending);
    return ending?.reason !== 'stop';
  }

  #failNotFinite(sequence: Sequence): void {
    this.#counters.nanRowCount++;
    this.#kv.distrust(sequence.table);
    const error = new EtapError(
      'ETAP_ERR_NAN_LOGITS',
      `The model gave logits that are not finite after ${sequence.tokenCount} tokens. ` +
        'The sequence was ended; if it happens again, check the weights.',
    );
    this.#end(sequence, { reason: 'error', error });
  }

  /** The one way in which a sequence ends. */
  #end(sequence: Sequence, ending: Ending): void {
    if (sequence.status === 'compiling') this.#compiling.delete(sequence);
    else if (sequence.status === 'parked') this.#parking.remove(sequence);
    else if (sequence.list !== null) this.#waiting.remove(sequence);
    sequence.status = 'finished';
    this.#open.delete(sequence.id);
    this.#kv.closeNamespace(sequence.namespace);
    this.#finishes.push(finishRecord(sequence, ending, this.#nowMs));
    if (ending.reason === 'stop' || ending.reason === 'length') {
      this.#lengths.observe(sequence.completionTokenCount);
    }
    if (sequence.slot >= 0 && !sequence.inFlight) this.#maker.stop(sequence);
  }

  /** Sequences that ended while their row was in flight give their blocks back now. */
  #stopFinished(): void {
    for (const sequence of [...this.#running.sequences]) {
      if (sequence.status === 'finished') this.#maker.stop(sequence);
    }
    const leakedCount = this.#running.sequences.length === 0 ? this.#kv.pool.usedCount : 0;
    assertThat(leakedCount === 0, `${leakedCount} KV blocks are held although no sequence runs.`);
  }

  #countTokens(sequence: Sequence, before: number, decoding: boolean): void {
    const count = sequence.committed - before;
    if (decoding) this.#counters.decodeTokens += count;
    else this.#counters.prefillTokens += count;
    this.#counters.recomputedTokens += Math.min(count, Math.max(0, sequence.committedMax - before));
  }
}
