/** The seam between scheduling and computing: implemented by the native and the simulated executor. */
import type { SamplingParams } from '../sampling-params.ts';
import type { StepBatch, StepResult } from './step-batch.ts';

/** Facts the scheduler and the parent need about a loaded executor. */
export type ExecutorInfo = {
  readonly backend: string;
  readonly isa: string;
  readonly dtype: string;
  readonly layerCount: number;
  readonly vocabSize: number;
  readonly maxModelLen: number;
  /** KV blocks of 64 tokens; block 0 is the null block and is never handed out. */
  readonly blockCount: number;
  /** Most sequences that can be admitted at a time. */
  readonly slotCount: number;
  /** Most tokens computed in one step. */
  readonly stepTokenCapacity: number;
  readonly kvBytesPerToken: number;
  readonly weightBytes: number;
  readonly threadCount: number;
  readonly tensorParallelSize: number;
};

/** What the executor must know of a sequence before its first row; valid until `release`. */
export type SlotParams = {
  readonly epoch: number;
  readonly sampling: SamplingParams;
  /**
   * Tokens at positions below this are prompt tokens and take the expanded attention path, the
   * rest are generated tokens and take the absorbed path, also when they are recomputed.
   */
  readonly promptTokenCount: number;
  /** Prompt tokens, then completion tokens sampled before a preemption: history for penalties. */
  readonly tokens: Int32Array;
  readonly minTokens: number;
  readonly stopTokenIds: readonly number[];
};

/** Runs step batches, one at a time. */
export interface Executor {
  readonly info: ExecutorInfo;
  /** The batch to fill before `execute`; the same object every step. */
  readonly batch: StepBatch;
  /**
   * Makes a slot usable. Throws EtapError ETAP_ERR_INVALID_REQUEST naming a field that is out of
   * range, ETAP_ERR_INTERNAL for a slot that is taken or does not exist.
   */
  admit(slot: number, params: SlotParams): void;
  /** Forgets a slot; must not be called while a step with a row of it is running. */
  release(slot: number): void;
  /**
   * Computes `batch` and resolves when its result is in place; the same object every step.
   * Rejects with EtapError ETAP_ERR_STEP_FAILED, also when a field of the batch is out of range or
   * its tokens are not those known of the sequence; the executor is then unusable.
   */
  execute(): Promise<StepResult>;
  close(): Promise<void>;
}
