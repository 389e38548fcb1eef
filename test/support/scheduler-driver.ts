/** Drives a scheduler without an executor: what is sampled is made up, time moves when told. */
import {
  type Finish,
  Scheduler,
  type SchedulerConfig,
  type SequenceSpec,
  type StepPlan,
  schedulerConfig,
} from '../../src/scheduler/index.ts';
import { GREEDY } from './step-driver.ts';

export const FACTS = {
  maxSequences: 4,
  maxModelLen: 4096,
  blockCount: 65,
  stepTokenCapacity: 4096,
};

/** A sequence of 100 tokens that no other shares, and 10 to come. */
export function spec(id: number, changes: Partial<SequenceSpec> = {}): SequenceSpec {
  return {
    id,
    promptTokens: text(id, 100),
    sampling: GREEDY,
    maxTokens: 10,
    minTokens: 0,
    stopTokenIds: [],
    priority: 3,
    tenant: '',
    cacheSalt: '',
    constrained: false,
    ...changes,
  };
}

/** Tokens that differ from those of every other seed. */
export const text = (seed: number, length: number): Int32Array =>
  Int32Array.from({ length }, (_, i) => seed * 10_000 + i);

export type DriverOptions = Partial<SchedulerConfig> & {
  /** Duration of a step. */
  readonly stepMicros?: (plan: StepPlan) => number;
};

export class SchedulerDriver {
  readonly scheduler: Scheduler;
  readonly finishes: Finish[] = [];
  readonly #stepMicros: (plan: StepPlan) => number;
  nowMs = 0;

  constructor({ stepMicros, ...config }: DriverOptions = {}) {
    this.scheduler = new Scheduler(schedulerConfig({ ...FACTS, ...config }, config));
    this.#stepMicros = stepMicros ?? (() => 1000);
  }

  add(...specs: readonly SequenceSpec[]): void {
    for (const one of specs) this.scheduler.add(one, this.nowMs);
  }

  /** One step; `tokenOf` says what is sampled, null for a row that is not finite. */
  step(tokenOf: (id: number) => number | null = () => 7): StepPlan {
    const plan = this.scheduler.schedule(this.nowMs);
    const stepMicros = this.#stepMicros(plan);
    this.nowMs += stepMicros / 1000;
    if (plan.rows.length > 0) {
      const sampled = plan.rows.map(({ sequenceId, sample }) =>
        sample ? tokenOf(sequenceId) : -1,
      );
      const tokens = Int32Array.from(sampled, (token) => token ?? -1);
      const finite = Int32Array.from(sampled, (token) => (token === null ? 0 : 1));
      this.scheduler.apply({ tokens, finite, stepMicros }, this.nowMs);
    }
    this.finishes.push(...this.scheduler.takeFinishes());
    return plan;
  }

  /** Steps until nothing is left to do; throws when that takes too long. */
  toEnd(stepsMax = 10_000): readonly StepPlan[] {
    const plans: StepPlan[] = [];
    while (this.scheduler.hasWork) {
      if (plans.length === stepsMax) throw new Error(`Still at work after ${stepsMax} steps.`);
      plans.push(this.step());
    }
    return plans;
  }

  /** Ids of the running sequences, in order of rank. */
  get running(): readonly number[] {
    return this.scheduler.view().running.map(({ id }) => id);
  }
}

/** `id:tokens` of each row of a plan. */
export const rowsOf = (plan: StepPlan): readonly string[] =>
  plan.rows.map(({ sequenceId, queryLength }) => `${sequenceId}:${queryLength}`);
