/**
 * An executor without a model: tokens are hashes of their prefix, time is that of a cost function,
 * faults come by plan. Runs the real scheduler in simulations, and the HTTP side under load.
 */
import { EtapError } from '../errors.ts';
import type { Executor, ExecutorInfo, SlotParams } from './executor.ts';
import { SimulatedKv } from './simulated-kv.ts';
import { kvValue, kvValues, logprobOf, nextToken, ROOT_VALUE } from './simulated-model.ts';
import { checkStep, type SimulatedRow, type SimulatedSlot } from './simulated-step.ts';
import type { PassTime, StepCost } from './simulated-time.ts';
import { checkSlotParams } from './slot-params-check.ts';
import {
  BLOCK_SIZE,
  DELTA_FIELDS,
  PROFILE_FIELDS,
  SEQUENCE_FIELDS,
  type StepBatch,
  type StepResult,
  TOP_LOGPROBS_MAX,
} from './step-batch.ts';

/** What goes wrong with one step. */
export type SimulatedFault =
  /** The step fails, and the executor with it. */
  | { readonly kind: 'fail' }
  /** The step never ends; `close` ends the wait. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'slow'; readonly factor: number }
  /** The logits of one row are not finite; the row's number is taken modulo the rows. */
  | { readonly kind: 'nan'; readonly row: number };

export type SimulatedExecutorOptions = {
  readonly vocabSize: number;
  readonly maxModelLen: number;
  readonly blockCount: number;
  readonly slotCount: number;
  readonly stepTokenCapacity: number;
  /** Generated tokens leave other KV than prompt tokens, as in the native engine's strict mode. */
  readonly strict: boolean;
  /** Check the whole context of every row, at a cost that grows with it. */
  readonly verifyReads: boolean;
  readonly cost: StepCost;
  readonly passTime: PassTime;
  readonly faultOf?: (stepIndex: number) => SimulatedFault | null;
  /** A token after which no row of its sequence is finite. */
  readonly nanTokenId?: number;
};

export class SimulatedExecutor implements Executor {
  readonly info: ExecutorInfo;
  readonly batch: StepBatch;
  readonly #options: SimulatedExecutorOptions;
  readonly #kv: SimulatedKv;
  readonly #slots: (SimulatedSlot | null)[];
  readonly #result: { -readonly [Key in keyof StepResult]: StepResult[Key] };
  readonly #closed: Promise<void>;
  #close: () => void = () => {};
  #unusable: string | null = null;

  constructor(options: SimulatedExecutorOptions) {
    const maxModelLen = Math.min(options.maxModelLen, (options.blockCount - 1) * BLOCK_SIZE);
    this.#options = options;
    this.info = {
      backend: 'simulated',
      isa: 'none',
      dtype: 'none',
      layerCount: 1,
      vocabSize: options.vocabSize,
      maxModelLen,
      blockCount: options.blockCount,
      slotCount: options.slotCount,
      stepTokenCapacity: options.stepTokenCapacity,
      kvBytesPerToken: 4,
      weightBytes: 0,
      threadCount: 1,
      tensorParallelSize: 1,
    };
    this.#kv = new SimulatedKv(options.blockCount);
    this.#slots = Array.from({ length: options.slotCount }, () => null);
    this.batch = emptyBatch(this.info);
    this.#result = emptyResult(this.info);
    this.#closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  admit(slot: number, params: SlotParams): void {
    if (this.#slots[slot] !== null) {
      throw new EtapError('ETAP_ERR_INTERNAL', `Slot ${slot} is taken or does not exist.`);
    }
    checkSlotParams(params, this.info);
    const { strict } = this.#options;
    const { maxModelLen } = this.info;
    const tokens = new Int32Array(maxModelLen + 1);
    tokens.set(params.tokens);
    const values = new Int32Array(maxModelLen + 1);
    values.set(kvValues(params.tokens, params.promptTokenCount, strict));
    this.#slots[slot] = {
      params,
      tokens,
      tokenCount: params.tokens.length,
      values,
      table: {
        slot,
        epoch: params.epoch,
        blocks: new Int32Array(Math.ceil(maxModelLen / BLOCK_SIZE)),
        blockCount: 0,
      },
    };
  }

  release(slot: number): void {
    const admitted = this.#slots[slot];
    if (admitted === null || admitted === undefined) {
      throw new EtapError('ETAP_ERR_INTERNAL', `Slot ${slot} was not admitted.`);
    }
    this.#kv.release(admitted.table);
    this.#slots[slot] = null;
  }

  async execute(): Promise<StepResult> {
    if (this.#unusable !== null) throw stepFailed(this.#unusable);
    try {
      const fault = this.#options.faultOf?.(this.batch.stepIndex) ?? null;
      if (fault?.kind === 'fail') throw new Error('The fault plan fails this step.');
      if (fault?.kind === 'hang') await this.#hang();
      const rows = checkStep(this.batch, this.info, this.#slots, this.#kv);
      for (const row of rows) this.#compute(row);
      if (fault?.kind === 'nan' && rows.length > 0) this.#poison(fault.row % rows.length);
      const micros =
        this.#options.cost(shapeOf(rows)) * (fault?.kind === 'slow' ? fault.factor : 1);
      await this.#options.passTime(micros);
      this.#result.stepMicros = micros;
      return this.#result;
    } catch (error) {
      this.#unusable = error instanceof Error ? error.message : String(error);
      throw stepFailed(this.#unusable);
    }
  }

  async close(): Promise<void> {
    this.#unusable ??= 'The executor is closed.';
    this.#close();
  }

  async #hang(): Promise<never> {
    await this.#closed;
    throw new Error('The executor was closed while a step hung.');
  }

  #compute(row: SimulatedRow): void {
    const { slot, contextBefore, queryLength } = row;
    const { table, params } = slot;
    if (this.#options.verifyReads) this.#kv.verify(table, contextBefore, slot.values);
    let value = contextBefore === 0 ? ROOT_VALUE : this.#kv.read(table, contextBefore - 1);
    for (let i = 0; i < queryLength; i++) {
      const position = contextBefore + i;
      const generated = this.#options.strict && position >= params.promptTokenCount;
      value = kvValue(value, this.batch.tokens[row.tokenOffset + i] as number, generated);
      this.#kv.write(table, position, value);
      if (row.promptLogprobs) this.#reportPrompt(row, i, value);
    }
    this.#sample(row, value);
  }

  #sample(row: SimulatedRow, value: number): void {
    const { slot, index } = row;
    const end = row.contextBefore + row.queryLength;
    const finite = !slot.tokens.subarray(0, end).includes(this.#options.nanTokenId ?? -1);
    const token = row.sample && finite ? this.#choose(row, value) : -1;
    const result = this.#result;
    result.tokens[index] = token;
    result.finite[index] = finite && (token >= 0 || !row.sample) ? 1 : 0;
    result.logprobs[index] = token >= 0 ? logprobOf(value, token) : 0;
    const count = token >= 0 ? (slot.params.sampling.topLogprobs ?? 0) : 0;
    const best = { token, logprob: logprobOf(value, token), count };
    this.#reportTop(result.topIds, result.topLogprobs, index, best);
    if (token < 0) return;
    const generated = this.#options.strict && slot.tokenCount >= slot.params.promptTokenCount;
    slot.values[slot.tokenCount] = kvValue(value, token, generated);
    slot.tokens[slot.tokenCount++] = token;
  }

  #choose(row: SimulatedRow, value: number): number {
    const { params, tokenCount } = row.slot;
    const { vocabSize } = this.info;
    const minTokensLeft = params.promptTokenCount + params.minTokens - tokenCount;
    const maskAt = row.maskRow * Math.ceil(vocabSize / 32);
    return nextToken(value, tokenCount, {
      vocabSize,
      sampling: params.sampling,
      isAllowed: (id) =>
        (minTokensLeft <= 0 || !params.stopTokenIds.includes(id)) &&
        (row.maskRow < 0 ||
          (((this.batch.masks[maskAt + (id >> 5)] as number) >>> (id & 31)) & 1) === 1),
    });
  }

  #reportPrompt(row: SimulatedRow, i: number, value: number): void {
    const { slot, tokenOffset, contextBefore } = row;
    const position = contextBefore + i + 1;
    const at = tokenOffset + i;
    const known = position < slot.params.promptTokenCount;
    const { promptLogprobs, promptTopIds, promptTopLogprobs } = this.#result;
    promptLogprobs[at] = known ? logprobOf(value, slot.tokens[position] as number) : 0;
    const token = (value >>> 0) % this.info.vocabSize;
    const count = slot.params.sampling.promptLogprobs ?? 0;
    const best = { token, logprob: logprobOf(value, token), count };
    this.#reportTop(promptTopIds, promptTopLogprobs, at, best);
  }

  /** The best token, then its neighbours, each a little less likely. */
  #reportTop(
    ids: Int32Array,
    logprobs: Float32Array,
    row: number,
    best: { readonly token: number; readonly logprob: number; readonly count: number },
  ): void {
    for (let i = 0; i < TOP_LOGPROBS_MAX; i++) {
      const wanted = i < best.count;
      ids[row * TOP_LOGPROBS_MAX + i] = wanted ? (best.token + i) % this.info.vocabSize : -1;
      logprobs[row * TOP_LOGPROBS_MAX + i] = wanted ? best.logprob - i / 8 : 0;
    }
  }

  #poison(index: number): void {
    this.#result.tokens[index] = -1;
    this.#result.finite[index] = 0;
  }
}

function shapeOf(rows: readonly SimulatedRow[]) {
  const shape = { newTokens: 0, decodeContext: 0, prefillPairs: 0, prefillContext: 0 };
  for (const { contextBefore, queryLength, slot } of rows) {
    shape.newTokens += queryLength;
    if (contextBefore >= slot.params.promptTokenCount) {
      shape.decodeContext += queryLength * (contextBefore + queryLength);
    } else {
      shape.prefillPairs += queryLength * (contextBefore + queryLength / 2);
      shape.prefillContext += contextBefore + queryLength;
    }
  }
  return shape;
}

function emptyBatch(info: ExecutorInfo): StepBatch {
  const { slotCount, stepTokenCapacity, maxModelLen, vocabSize } = info;
  const tableLength = Math.ceil(maxModelLen / BLOCK_SIZE);
  return {
    stepIndex: 0,
    sequenceCount: 0,
    tokenCount: 0,
    deltaCount: 0,
    sequences: new Int32Array(slotCount * SEQUENCE_FIELDS),
    tokens: new Int32Array(stepTokenCapacity),
    blockDeltas: new Int32Array(slotCount * tableLength * DELTA_FIELDS),
    masks: new Int32Array(slotCount * Math.ceil(vocabSize / 32)),
  };
}

function emptyResult({ slotCount, stepTokenCapacity }: ExecutorInfo): StepResult {
  return {
    tokens: new Int32Array(slotCount),
    finite: new Int32Array(slotCount),
    logprobs: new Float32Array(slotCount),
    topIds: new Int32Array(slotCount * TOP_LOGPROBS_MAX),
    topLogprobs: new Float32Array(slotCount * TOP_LOGPROBS_MAX),
    promptLogprobs: new Float32Array(stepTokenCapacity),
    promptTopIds: new Int32Array(stepTokenCapacity * TOP_LOGPROBS_MAX),
    promptTopLogprobs: new Float32Array(stepTokenCapacity * TOP_LOGPROBS_MAX),
    profile: new Float32Array(PROFILE_FIELDS),
    stepMicros: 0,
  };
}

const stepFailed = (reason: string): EtapError => new EtapError('ETAP_ERR_STEP_FAILED', reason);
