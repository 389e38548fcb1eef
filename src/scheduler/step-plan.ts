/** The complete, immutable description of one step, by sequences; engine/pack-step flattens it. */
import type { SamplingParams } from '../sampling-params.ts';

/** One sequence's part of a step. */
export type PlanRow = {
  readonly sequenceId: number;
  readonly slot: number;
  readonly epoch: number;
  readonly promptTokenCount: number;
  /** Tokens whose KV is final; the row computes positions contextBefore .. + queryLength - 1. */
  readonly contextBefore: number;
  /** Tokens computed: prompt tokens only or generated tokens only. */
  readonly queryLength: number;
  /** Whether the next token is sampled: the row reaches the last known token. */
  readonly sample: boolean;
  /** Whether log-probabilities of the row's prompt tokens are wanted. */
  readonly promptLogprobs: boolean;
  /** Known tokens by position; valid up to contextBefore + queryLength. */
  readonly tokens: Int32Array;
  /** Block table; entries newBlockFrom .. newBlockTo - 1 are new to the executor. */
  readonly blocks: Int32Array;
  readonly newBlockFrom: number;
  readonly newBlockTo: number;
};

/** A sequence that the executor must be told about before its first row. */
export type PlanAdmission = {
  readonly sequenceId: number;
  readonly slot: number;
  readonly epoch: number;
  readonly sampling: SamplingParams;
  readonly promptTokenCount: number;
  /** Prompt, then completion tokens sampled before a preemption. */
  readonly tokens: Int32Array;
  readonly minTokens: number;
  readonly stopTokenIds: readonly number[];
};

/** A sequence that gets its first row in this step; not told again after a preemption. */
export type FirstStep = {
  readonly id: number;
  readonly queuedMs: number;
  readonly cachedTokenCount: number;
};

export type StepPlan = {
  readonly stepIndex: number;
  /** Slots given back; they may appear again among the admissions. Done first. */
  readonly releases: readonly number[];
  readonly admissions: readonly PlanAdmission[];
  readonly firstSteps: readonly FirstStep[];
  /** Decode rows, then prefill rows. */
  readonly rows: readonly PlanRow[];
  readonly decodeTokenCount: number;
  readonly prefillTokenCount: number;
};

/** What came out of a step: one entry for each row that was not refused, in order. */
export type StepOutcome = {
  /** Sampled token, -1 where none was asked for. */
  readonly tokens: Int32Array;
  /** 0 where a logit of the row was not finite. */
  readonly finite: Int32Array;
  /** Duration of the computation. */
  readonly stepMicros: number;
};

/** What a step means to the outside. */
export type StepEffects = {
  /** Pairs (sequence id, token id). */
  readonly tokens: Int32Array;
  /** For each pair, the index of its row in the outcome. */
  readonly rows: Int32Array;
};

export type FinishReason = 'stop' | 'length' | 'abort' | 'error';

/** Why and how one sequence ended; exactly one for every sequence that was added. */
export type Finish = {
  readonly id: number;
  readonly reason: FinishReason;
  readonly stopTokenId: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly promptTokenCount: number;
  readonly cachedTokenCount: number;
  readonly completionTokenCount: number;
  readonly preemptionCount: number;
  readonly queuedMs: number;
  readonly firstTokenMs: number;
  readonly totalMs: number;
};

/** Why the next waiting sequence was not started. */
export type BlockedReason = 'none' | 'slots' | 'blocks' | 'budget';
