/** Drives an executor step by step as the engine does: packs batches, hands out blocks, keeps tokens. */
import type { Executor, SlotParams } from '../../src/executor/executor.ts';
import {
  DELTA_FIELDS,
  SEQUENCE_FIELDS,
  type StepResult,
  TOP_LOGPROBS_MAX,
} from '../../src/executor/step-batch.ts';
import type { SamplingParams } from '../../src/sampling-params.ts';

const BLOCK_SIZE = 64;

export const GREEDY: SamplingParams = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed: 0,
  logitBias: [],
  allowedTokenIds: null,
  topLogprobs: null,
  promptLogprobs: null,
};

export type DrivenSequence = {
  readonly slot: number;
  readonly epoch: number;
  readonly promptTokenCount: number;
  /** Known tokens: prompt and completion. */
  readonly tokens: number[];
  /** Tokens whose KV is in the cache. */
  computed: number;
  readonly blocks: number[];
};

export type StartParams = Partial<Omit<SlotParams, 'tokens'>> & {
  readonly tokens: readonly number[];
};

export type StepEntry = {
  readonly sequence: DrivenSequence;
  /** Tokens to compute; all that are left by default. A token is sampled after the last. */
  readonly count?: number;
  readonly promptLogprobs?: boolean;
  readonly maskRow?: number;
};

export type Logprobs = {
  readonly logprob: number;
  readonly topIds: readonly number[];
  readonly topLogprobs: readonly number[];
};

export type DrivenRow = Logprobs & {
  readonly token: number;
  readonly finite: boolean;
  /** One for each token of the entry; meaningful where prompt log-probabilities were asked for. */
  readonly prompt: readonly Logprobs[];
};

export class StepDriver {
  readonly #executor: Executor;
  readonly #freeBlocks: number[];
  #epoch = 0;

  /** Blocks are handed out in the order of `blockOrder`, by default 1, 2, 3, ... */
  constructor(executor: Executor, blockOrder: (blocks: number[]) => number[] = (all) => all) {
    this.#executor = executor;
    const all = Array.from({ length: executor.info.blockCount - 1 }, (_, index) => index + 1);
    this.#freeBlocks = blockOrder(all).reverse();
  }

  /** Admits a sequence. */
  start(slot: number, params: StartParams): DrivenSequence {
    const epoch = params.epoch ?? ++this.#epoch;
    const promptTokenCount = params.promptTokenCount ?? params.tokens.length;
    this.#executor.admit(slot, {
      epoch,
      sampling: params.sampling ?? GREEDY,
      promptTokenCount,
      tokens: Int32Array.from(params.tokens),
      minTokens: params.minTokens ?? 0,
      stopTokenIds: params.stopTokenIds ?? [],
    });
    return { slot, epoch, promptTokenCount, tokens: [...params.tokens], computed: 0, blocks: [] };
  }

  /** Runs one step and appends sampled tokens. */
  async step(...entries: readonly StepEntry[]): Promise<DrivenRow[]> {
    const offsets = this.pack(entries);
    const result = await this.#executor.execute();
    return entries.map((entry, row) => {
      const count = countOf(entry);
      entry.sequence.computed += count;
      const driven = copyRow(result, row, offsets[row] ?? 0, count);
      if (driven.token >= 0) entry.sequence.tokens.push(driven.token);
      return driven;
    });
  }

  /** Fills the batch without running it; returns each entry's token offset. */
  pack(entries: readonly StepEntry[]): number[] {
    const { batch } = this.#executor;
    batch.stepIndex++;
    batch.sequenceCount = 0;
    batch.tokenCount = 0;
    batch.deltaCount = 0;
    return entries.map((entry) => this.#packEntry(entry));
  }

  #packEntry(entry: StepEntry): number {
    const { batch } = this.#executor;
    const { sequence } = entry;
    const count = countOf(entry);
    const offset = batch.tokenCount;
    const end = sequence.computed + count;
    while (sequence.blocks.length * BLOCK_SIZE < end) {
      const block = this.#freeBlocks.pop();
      if (block === undefined) throw new Error('the driver is out of blocks');
      const delta = [sequence.slot, sequence.blocks.length, block];
      batch.blockDeltas.set(delta, batch.deltaCount++ * DELTA_FIELDS);
      sequence.blocks.push(block);
    }
    const fields = [
      sequence.slot,
      sequence.epoch,
      sequence.computed,
      count,
      end === sequence.tokens.length ? 1 : 0,
      entry.maskRow ?? -1,
      offset,
      entry.promptLogprobs ? 1 : 0,
    ];
    batch.sequences.set(fields, batch.sequenceCount++ * SEQUENCE_FIELDS);
    batch.tokens.set(sequence.tokens.slice(sequence.computed, end), offset);
    batch.tokenCount += count;
    return offset;
  }

  /** Computes what is left in chunks, then decodes until there are `count` completion tokens more. */
  async complete(sequence: DrivenSequence, count: number, chunk = Infinity): Promise<number[]> {
    const target = sequence.tokens.length + count;
    const capacity = this.#executor.info.stepTokenCapacity;
    while (sequence.tokens.length < target) {
      const left = sequence.tokens.length - sequence.computed;
      const [row] = await this.step({ sequence, count: Math.min(left, chunk, capacity) });
      if (row?.finite === false) throw new Error('a row was not finite');
    }
    return sequence.tokens.slice(target - count);
  }

  /** Releases a sequence and its blocks. */
  end(sequence: DrivenSequence): void {
    this.#executor.release(sequence.slot);
    this.#freeBlocks.push(...sequence.blocks.splice(0).reverse());
  }

  /** Admits, completes and releases. */
  async run(slot: number, params: StartParams, count: number, chunk?: number): Promise<number[]> {
    const sequence = this.start(slot, params);
    const completion = await this.complete(sequence, count, chunk);
    this.end(sequence);
    return completion;
  }
}

const countOf = ({ sequence, count }: StepEntry) =>
  count ?? sequence.tokens.length - sequence.computed;

function copyRow(result: StepResult, row: number, offset: number, count: number): DrivenRow {
  const top = <T extends Int32Array | Float32Array>(values: T, index: number) =>
    Array.from(values.subarray(index * TOP_LOGPROBS_MAX, (index + 1) * TOP_LOGPROBS_MAX));
  return {
    token: result.tokens[row] ?? -1,
    finite: result.finite[row] === 1,
    logprob: result.logprobs[row] ?? Number.NaN,
    topIds: top(result.topIds, row),
    topLogprobs: top(result.topLogprobs, row),
    prompt: Array.from({ length: count }, (_, index) => ({
      logprob: result.promptLogprobs[offset + index] ?? Number.NaN,
      topIds: top(result.promptTopIds, offset + index),
      topLogprobs: top(result.promptTopLogprobs, offset + index),
    })),
  };
}
