/**
 * The heart of the engine process: while there is work, schedule -> pack -> execute -> apply ->
 * emit. Commands may come in at any time, also while a step runs. Owns the scheduler, borrows the
 * executor; reads the clock and hands the time on.
 */
import { EtapError } from '../errors.ts';
import type { Executor, StepResult } from '../executor/index.ts';
import type { StartGrammars } from '../grammar-engine/index.ts';
import {
  Scheduler,
  type SchedulerConfig,
  type StepEffects,
  type StepPlan,
} from '../scheduler/index.ts';
import { GrammarGate } from './grammar-gate.ts';
import { LiveRecorder } from './live-recorder.ts';
import type { AddCommand, EngineMessage } from './messages.ts';
import { packStep } from './pack-step.ts';
import { StepAllowance } from './step-allowance.ts';
import { StepLogprobs } from './step-logprobs.ts';
import { takeProfile } from './step-profile.ts';

export type EngineLoopParts = {
  readonly executor: Executor;
  readonly scheduler: SchedulerConfig;
  /** Allowed to every step before it counts as a hang; slow machines get more. */
  readonly stepDeadlineMs: number;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Takes one message of kind 'step' for each step, and one of kind 'failed' at most. */
  readonly emit: (message: EngineMessage) => void;
  /** Starts the grammar engine when the first constrained sequence comes. */
  readonly startGrammars?: StartGrammars;
};

const NO_EFFECTS: StepEffects = { tokens: new Int32Array(0), rows: new Int32Array(0) };
const NO_SLOTS: ReadonlySet<number> = new Set();

export class EngineLoop {
  readonly scheduler: Scheduler;
  readonly #executor: Executor;
  readonly #now: () => number;
  readonly #emit: (message: EngineMessage) => void;
  readonly #logprobs = new StepLogprobs();
  readonly #allowance: StepAllowance;
  readonly #grammars: GrammarGate;
  #running: Promise<void> | null = null;
  #stepStartedMs: number | null = null;
  #stepTokens = 0;
  #scheduleMs = 0;
  #stepMs = 0;
  #completedStepCount = 0;
  #stopped = false;
  #failure: EtapError | null = null;
  #live: LiveRecorder | null = null;

  constructor(parts: EngineLoopParts) {
    this.scheduler = new Scheduler(parts.scheduler);
    this.#executor = parts.executor;
    this.#allowance = new StepAllowance(parts.stepDeadlineMs);
    this.#now = parts.now;
    this.#emit = parts.emit;
    this.#grammars = new GrammarGate(parts.executor.info.vocabSize, parts.startGrammars ?? null, {
      onReady: (id) => {
        this.scheduler.grammarReady(id);
        this.#wake();
      },
      onMask: (id, completionTokenCount) => this.scheduler.maskReady(id, completionTokenCount),
      onComplete: (id) => {
        this.scheduler.complete(id, this.#now());
        this.#wake();
      },
      onFailure: (id, error) => {
        this.scheduler.fail(id, error, this.#now());
        this.#wake();
      },
    });
  }

  /** Steps executed since the start; it stands still while a step hangs. */
  get completedStepCount(): number {
    return this.#completedStepCount;
  }

  /** Milliseconds since the step in flight began; 0 when there is none. */
  get stepAgeMs(): number {
    return this.#stepStartedMs === null ? 0 : this.#now() - this.#stepStartedMs;
  }

  /** Milliseconds after which the step in flight counts as a hang. */
  get stepAllowedMs(): number {
    return this.#allowance.of(this.#stepTokens);
  }

  /** Why the loop ended by itself, or null. */
  get failure(): EtapError | null {
    return this.#failure;
  }

  /** Accepts a sequence; it ends in exactly one finish record of a 'step' message. */
  add(command: AddCommand): void {
    this.#logprobs.open(command);
    this.scheduler.add({ ...command, constrained: command.grammar !== null }, this.#now());
    this.#grammars.open(command);
    if (this.#failure !== null) this.scheduler.fail(command.id, this.#failure, this.#now());
    this.#wake();
  }

  /** Ends a sequence early; unknown ids, and those at their end, are ignored. */
  abort(id: number): void {
    this.scheduler.abort(id, this.#now());
    this.#wake();
  }

  /** Drops every cached block that no sequence holds. */
  flushPrefixCache(): void {
    this.scheduler.flushPrefixCache();
  }

  /** While on, pictures of the steps are emitted too; the first one at once. */
  watch(on: boolean): void {
    this.#live = on ? new LiveRecorder(this.scheduler) : null;
    this.#emitPicture();
  }

  /** Starts no further step; resolves when the one in flight has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    this.#grammars.shutdown();
  }

  /** Resolves when there is no work left, or the loop was stopped. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #wake(): void {
    if (this.#stopped || this.#running !== null) return;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    // Commands that come in together are scheduled together.
    await Promise.resolve();
    if (this.#failure !== null) this.#emitStep(null, NO_EFFECTS, null, NO_SLOTS);
    while (!this.#stopped && this.#failure === null && this.scheduler.hasWork) {
      if (this.#grammars.owesMasks) await this.#grammars.masks();
      await this.#guardedStep();
    }
    // Nothing is awaited after the last look for work, so no command can be missed.
    this.#running = null;
  }

  async #guardedStep(): Promise<void> {
    try {
      await this.#step();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#stepStartedMs = null;
    }
  }

  async #step(): Promise<void> {
    const startedMs = this.#now();
    const plan = this.scheduler.schedule(startedMs);
    for (const slot of plan.releases) this.#executor.release(slot);
    const refusedSlots = this.#admit(plan);
    packStep(plan, this.#executor.batch, refusedSlots, this.#grammars);
    this.#scheduleMs = this.#now() - startedMs;
    if (plan.rows.length === 0) {
      this.#emitStep(plan, NO_EFFECTS, null, refusedSlots);
      return;
    }
    this.#stepTokens = plan.decodeTokenCount + plan.prefillTokenCount;
    this.#stepStartedMs = startedMs;
    const result = await this.#executor.execute();
    const effects = this.scheduler.apply(result, this.#now(), refusedSlots);
    this.#stepMs = this.#now() - startedMs;
    this.#allowance.observe(this.#stepTokens, this.#stepMs);
    this.#completedStepCount++;
    this.#emitStep(plan, effects, result, refusedSlots);
    this.#grammars.accept(effects.tokens);
  }

  /** Tells the executor of new sequences; one that it refuses fails alone. Returns their slots. */
  #admit(plan: StepPlan): ReadonlySet<number> {
    if (plan.admissions.length === 0) return NO_SLOTS;
    const refused = new Set<number>();
    for (const { slot, sequenceId, ...params } of plan.admissions) {
      try {
        this.#executor.admit(slot, params);
      } catch (error) {
        if (!(error instanceof EtapError)) throw error;
        refused.add(slot);
        this.scheduler.refuse(sequenceId, error, this.#now());
      }
    }
    return refused;
  }

  #emitStep(
    plan: StepPlan | null,
    effects: StepEffects,
    result: StepResult | null,
    refusedSlots: ReadonlySet<number>,
  ): void {
    const finishes = this.scheduler.takeFinishes();
    const stepped = plan !== null && result !== null;
    this.#emit({
      kind: 'step',
      starts: plan?.firstSteps ?? [],
      tokens: effects.tokens,
      logprobs: stepped ? this.#logprobs.ofTokens(effects, result) : [],
      promptLogprobs: stepped ? this.#logprobs.ofPrompts(plan, result, refusedSlots) : [],
      finishes,
      stats: {
        ...this.scheduler.stats(),
        stepMs: stepped ? this.#stepMs : 0,
        scheduleMs: this.#scheduleMs,
        profile: stepped ? takeProfile(result) : null,
      },
    });
    for (const { id } of finishes) {
      this.#logprobs.close(id);
      this.#grammars.close(id);
    }
    if (plan !== null) this.#live?.record({ plan, effects, stepMs: this.#stepMs }, this.#now());
    this.#live?.forget(finishes);
    this.#emitPicture();
  }

  #emitPicture(): void {
    const picture = this.#live?.take(this.#now()) ?? null;
    if (picture !== null) this.#emit({ kind: 'live', picture });
  }

  /** The executor is unusable, or an invariant is broken: every sequence ends, and so does the loop. */
  #fail(error: unknown): void {
    const failure =
      error instanceof EtapError
        ? error
        : new EtapError('ETAP_ERR_INTERNAL', error instanceof Error ? error.message : `${error}`);
    this.#failure = failure;
    try {
      this.scheduler.failAll(failure, this.#now());
      this.#emitStep(null, NO_EFFECTS, null, NO_SLOTS);
    } finally {
      this.#emit({ kind: 'failed', code: failure.code, message: failure.message });
    }
  }
}
