/** What the scheduler may use and how it shares it out. */

import { EtapError } from '../errors.ts';
import { BLOCK_SIZE } from '../kv/index.ts';

export type SchedulerConfig = {
  /** Sequences that run at a time; each holds an executor slot. */
  readonly maxSequences: number;
  /** Longest context in tokens, completion included. */
  readonly maxModelLen: number;
  /** KV blocks of the executor, the null block included. */
  readonly blockCount: number;
  /** Most tokens in one step. */
  readonly stepTokenCapacity: number;
  /** Length of a step to aim at while sequences decode. */
  readonly targetStepMs: number;
  /** Length of a step to aim at while none decodes. */
  readonly targetPrefillStepMs: number;
  /** Least and most prefill tokens of one step, whatever it costs; multiples of 64. */
  readonly prefillTokensMin: number;
  readonly prefillTokensMax: number;
  /** Most prefill tokens of a step before any was measured: predictions are guesses until then. */
  readonly firstPrefillTokens: number;
  /** When not null, exactly this many prefill tokens a step instead of as many as the time allows. */
  readonly fixedPrefillTokens: number | null;
  /** Prompts that may be partly computed at a time. */
  readonly partialPrefillsMax: number;
  readonly prefixCache: boolean;
  /** Longest time for which a sequence waits for a neighbour to compute their common prefix. */
  readonly sharedPrefixWaitMsMax: number;
  /** Completion length that admission plans with at first; later it is the mean of those seen. */
  readonly expectedCompletionTokens: number;
  /** Share of all blocks kept free when a sequence is admitted beside others; negative overcommits. */
  readonly watermarkRatio: number;
  /** Sequences that may wait; more are refused. */
  readonly queueCapacity: number;
  /** Preemptions after which a sequence is admitted with all it may need and keeps it. */
  readonly preemptionsMax: number;
  /** Tokens by which a tenant's share grows in one round. */
  readonly fairQuantumTokens: number;
  /** Only KV of prompt tokens is shared: generated tokens are computed on another path. */
  readonly strict: boolean;
  /** Seeds the hash of the prefix cache; no decision depends on it. */
  readonly hashSeed: number;
};

/** The fields without a sensible default: facts of the executor. */
export type SchedulerFacts = Pick<
  SchedulerConfig,
  'maxSequences' | 'maxModelLen' | 'blockCount' | 'stepTokenCapacity'
>;

const DEFAULTS: Omit<SchedulerConfig, keyof SchedulerFacts> = {
  targetStepMs: 60,
  targetPrefillStepMs: 250,
  prefillTokensMin: 256,
  prefillTokensMax: 8192,
  firstPrefillTokens: 8192,
  fixedPrefillTokens: null,
  partialPrefillsMax: 2,
  prefixCache: true,
  sharedPrefixWaitMsMax: 5000,
  expectedCompletionTokens: 256,
  watermarkRatio: 0.03,
  queueCapacity: 1024,
  preemptionsMax: 3,
  fairQuantumTokens: 2048,
  strict: true,
  hashSeed: 0,
};

/**
 * A checked configuration: facts of the executor, then what differs from the defaults.
 * Throws EtapError ETAP_ERR_CONFIG.
 */
export function schedulerConfig(
  facts: SchedulerFacts,
  changes: Partial<SchedulerConfig> = {},
): SchedulerConfig {
  const config = { ...DEFAULTS, ...facts, ...changes };
  const tokenFloor = config.maxSequences + BLOCK_SIZE;
  requireAtLeast('maxSequences', config.maxSequences, 1);
  requireAtLeast('maxModelLen', config.maxModelLen, 2);
  requireAtLeast('blockCount', config.blockCount, 2);
  requireAtLeast('stepTokenCapacity', config.stepTokenCapacity, tokenFloor);
  requireAtLeast('prefillTokensMin', config.prefillTokensMin, BLOCK_SIZE);
  requireAtLeast('prefillTokensMax', config.prefillTokensMax, config.prefillTokensMin);
  requireAtLeast('firstPrefillTokens', config.firstPrefillTokens, BLOCK_SIZE);
  requireAtLeast('fixedPrefillTokens', config.fixedPrefillTokens ?? BLOCK_SIZE, BLOCK_SIZE);
  requireAtLeast('partialPrefillsMax', config.partialPrefillsMax, 1);
  requireAtLeast('expectedCompletionTokens', config.expectedCompletionTokens, 1);
  requireAtLeast('queueCapacity', config.queueCapacity, 1);
  requireAtLeast('preemptionsMax', config.preemptionsMax, 0);
  requireAtLeast('fairQuantumTokens', config.fairQuantumTokens, 1);
  return config;
}

function requireAtLeast(name: keyof SchedulerConfig, value: number, minimum: number): void {
  if (Number.isInteger(value) && value >= minimum) return;
  throw new EtapError(
    'ETAP_ERR_CONFIG',
    `The scheduler's ${name} is ${value}; it must be an integer of ${minimum} or more.`,
  );
}
