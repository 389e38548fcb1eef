/** Drives an executor without a scheduler: whole prompts in chunks, then decode steps of one token each. */
import {
  BLOCK_SIZE,
  DELTA_FIELDS,
  type Executor,
  SEQUENCE_FIELDS,
  type SlotParams,
} from '../../src/executor/index.ts';

const SAMPLING: SlotParams['sampling'] = {
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

export type BenchSequence = {
  readonly slot: number;
  readonly epoch: number;
  readonly tokens: Int32Array;
  context: number;
  blockCount: number;
};

export class BenchSequences {
  readonly #executor: Executor;
  #nextBlock = 1;
  #epoch = 0;
  #open: BenchSequence[] = [];

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** @param capacity tokens of prompt and completion together */
  start(prompt: Int32Array, capacity: number): BenchSequence {
    const slot = this.#open.length;
    const epoch = ++this.#epoch;
    const tokens = new Int32Array(capacity);
    tokens.set(prompt);
    this.#executor.admit(slot, {
      epoch,
      sampling: SAMPLING,
      promptTokenCount: prompt.length,
      tokens: prompt,
      minTokens: 0,
      stopTokenIds: [],
    });
    const sequence = { slot, epoch, tokens, context: 0, blockCount: 0 };
    this.#open.push(sequence);
    return sequence;
  }

  endAll(): void {
    for (const { slot } of this.#open) this.#executor.release(slot);
    this.#open = [];
    this.#nextBlock = 1;
  }

  /** Computes the prompt up to `end`; the last row samples the first completion token. */
  async prefill(sequence: BenchSequence, end: number, chunk: number): Promise<void> {
    while (sequence.context < end) {
      await this.#step([sequence], Math.min(chunk, end - sequence.context), end);
    }
  }

  /** One token for every sequence. */
  async decode(sequences: readonly BenchSequence[]): Promise<void> {
    await this.#step(sequences, 1, 0);
  }

  /** A row samples when it reaches `sampleFrom`. */
  async #step(sequences: readonly BenchSequence[], count: number, sampleFrom: number) {
    const { batch } = this.#executor;
    batch.stepIndex++;
    batch.sequenceCount = 0;
    batch.tokenCount = 0;
    batch.deltaCount = 0;
    for (const sequence of sequences) this.#pack(sequence, count, sampleFrom);
    const { tokens } = await this.#executor.execute();
    for (const [row, sequence] of sequences.entries()) {
      sequence.context += count;
      const token = tokens[row] ?? -1;
      if (token >= 0) sequence.tokens[sequence.context] = token;
    }
  }

  #pack(sequence: BenchSequence, count: number, sampleFrom: number): void {
    const { batch } = this.#executor;
    const end = sequence.context + count;
    for (; sequence.blockCount * BLOCK_SIZE < end; sequence.blockCount++) {
      const delta = [sequence.slot, sequence.blockCount, this.#nextBlock++];
      batch.blockDeltas.set(delta, batch.deltaCount++ * DELTA_FIELDS);
    }
    const { slot, epoch, context } = sequence;
    const samples = end >= sampleFrom ? 1 : 0;
    const fields = [slot, epoch, context, count, samples, -1, batch.tokenCount, 0];
    batch.sequences.set(fields, batch.sequenceCount++ * SEQUENCE_FIELDS);
    batch.tokens.set(sequence.tokens.subarray(context, end), batch.tokenCount);
    batch.tokenCount += count;
  }
}
