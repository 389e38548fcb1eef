/**
 * Draws the engine while someone watches: the rows of each step, the running sequences and the KV
 * blocks. Steps are gathered, so that a picture leaves a few times a second however fast they are.
 */
import { blockPicture } from '../kv/index.ts';
import type { Finish, Scheduler, Sequence, StepEffects, StepPlan } from '../scheduler/index.ts';
import type { LivePicture, LiveStep } from './messages.ts';

/** Between two pictures, at least. */
const PICTURE_MS = 125;
/** Steps of one picture; where there were more, the oldest are left out. */
const STEPS_MAX = 48;
/** Rows told of one step, and sequences of one picture. */
const ROWS_MAX = 256;
const BLOCK_CELLS_MAX = 8192;
const FIRST_TOKENS_MAX = 256;

/** What the loop knows of a step once it is applied. */
export type RecordedStep = {
  readonly plan: StepPlan;
  readonly effects: StepEffects;
  readonly stepMs: number;
};

export class LiveRecorder {
  readonly #scheduler: Scheduler;
  /** Arrival of the sequences whose first token is still to come. */
  readonly #arrivals = new Map<number, number>();
  #steps: LiveStep[] = [];
  #firstTokenMs: number[] = [];
  #emittedTokenCount = 0;
  #lastPictureMs = Number.NEGATIVE_INFINITY;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  record({ plan, effects, stepMs }: RecordedStep, nowMs: number): void {
    const startedMs = nowMs - stepMs;
    for (const { id, queuedMs } of plan.firstSteps) this.#arrivals.set(id, startedMs - queuedMs);
    if (plan.rows.length > 0) this.#steps.push(liveStep(plan, stepMs));
    if (this.#steps.length > STEPS_MAX) this.#steps.shift();
    this.#emittedTokenCount += effects.tokens.length / 2;
    for (let index = 0; index < effects.tokens.length; index += 2) {
      const id = effects.tokens[index] as number;
      const arrivalMs = this.#arrivals.get(id);
      if (arrivalMs === undefined) continue;
      this.#arrivals.delete(id);
      if (this.#firstTokenMs.length < FIRST_TOKENS_MAX) this.#firstTokenMs.push(nowMs - arrivalMs);
    }
  }

  /** Sequences that ended without a token leave nothing behind. */
  forget(finishes: readonly Finish[]): void {
    for (const { id } of finishes) this.#arrivals.delete(id);
  }

  /** A picture when one is due; the last one before a rest always is. */
  take(nowMs: number): LivePicture | null {
    const rests = !this.#scheduler.hasWork;
    if (!rests && nowMs - this.#lastPictureMs < PICTURE_MS) return null;
    const { kv, running } = this.#scheduler.view();
    const picture = {
      steps: this.#steps,
      sequences: sequenceRows(running),
      firstTokenMs: Float64Array.from(this.#firstTokenMs),
      emittedTokenCount: this.#emittedTokenCount,
      blocks: blockPicture(kv, BLOCK_CELLS_MAX),
    };
    this.#lastPictureMs = nowMs;
    this.#steps = [];
    this.#firstTokenMs = [];
    return picture;
  }
}

function liveStep(plan: StepPlan, stepMs: number): LiveStep {
  const rows = plan.rows.slice(0, ROWS_MAX);
  return {
    stepIndex: plan.stepIndex,
    stepMs,
    decodeTokenCount: plan.decodeTokenCount,
    prefillTokenCount: plan.prefillTokenCount,
    rows: Int32Array.from(
      rows.flatMap(({ sequenceId, slot, queryLength }, index) => [
        sequenceId,
        slot,
        // The sign tells the kind, as decode rows come first.
        index < plan.decodeTokenCount ? -queryLength : queryLength,
      ]),
    ),
  };
}

function sequenceRows(running: readonly Sequence[]): Int32Array {
  return Int32Array.from(
    running
      .slice(0, ROWS_MAX)
      .flatMap(({ id, slot, promptTokenCount, cachedTokenCount, committed }) => [
        id,
        slot,
        promptTokenCount,
        cachedTokenCount,
        committed,
      ]),
  );
}
