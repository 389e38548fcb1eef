/** Door of the scheduler: pure decisions about what each step computes. */
export { type SchedulerConfig, schedulerConfig } from './config.ts';
export type { SchedulerStats } from './counters.ts';
export { Scheduler, type SchedulerView } from './scheduler.ts';
export type { Sequence, SequenceSpec } from './sequence.ts';
export type {
  BlockedReason,
  Finish,
  FirstStep,
  PlanAdmission,
  PlanRow,
  StepEffects,
  StepOutcome,
  StepPlan,
} from './step-plan.ts';
