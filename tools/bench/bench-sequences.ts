/** Drives an executor without a scheduler: whole prompts in chunks, then decode steps of one token each. */
import {
  BLOCK_SIZE,
  DELTA_FIELDS,
  type Executor,
  SEQUENCE_FIELDS,
  type SlotParams,
} from '../../src/executor/index.ts';
import { randomFrom } from './random-values.ts';

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

/** The cache is filled by prompts so short that attention costs little, several in one step. */
const FILL_PROMPT_TOKENS = 512;
export const FILL_PROMPTS_PER_STEP = 4;
const FIRST_BLOCK = 1;

export type BenchSequence = {
  readonly slot: number;
  readonly epoch: number;
  readonly tokens: Int32Array;
  context: number;
  blockCount: number;
};

/** Token ids away from both ends of the vocabulary, where special tokens lie. */
export function randomTokens(count: number, vocabSize: number, seed: number): Int32Array {
  const random = randomFrom(seed);
  return Int32Array.from({ length: count }, () => 256 + Math.floor(random() * (vocabSize - 512)));
}

export class BenchSequences {
  readonly #executor: Executor;
  #filledBlocks = 0;
  #nextBlock = FIRST_BLOCK;
  #epoch = 0;
  #open: BenchSequence[] = [];

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** Computes prompts until that many tokens lie in the cache, for `startAt`. */
  async fill(tokenCount: number): Promise<void> {
    while (this.#filledBlocks * BLOCK_SIZE < tokenCount) {
      const prompts = Array.from({ length: FILL_PROMPTS_PER_STEP }, () =>
        this.startPrompt(this.#tokens(FILL_PROMPT_TOKENS), FILL_PROMPT_TOKENS + 1),
      );
      await this.#step(prompts, FILL_PROMPT_TOKENS, Number.POSITIVE_INFINITY);
      this.#filledBlocks = this.#nextBlock - FIRST_BLOCK;
      this.endAll();
    }
  }

  /** @param capacity tokens of prompt and completion together */
  startPrompt(prompt: Int32Array, capacity: number): BenchSequence {
    return this.#start(prompt, prompt.length, capacity);
  }

  /**
   * A sequence that has generated `depth` tokens. Its blocks are filled ones, from the `index`-th
   * share of the cache on: sequences meet in one block only when more is asked for than was filled.
   */
  startAt(depth: number, capacity: number, index: number): BenchSequence {
    const sequence = this.#start(this.#tokens(depth + 1), 1, capacity);
    const { batch } = this.#executor;
    const blocks = depth / BLOCK_SIZE;
    for (; sequence.blockCount < blocks; sequence.blockCount++) {
      const filled = (index * blocks + sequence.blockCount) % this.#filledBlocks;
      this.#addDelta(batch.deltaCount++, [
        sequence.slot,
        sequence.blockCount,
        FIRST_BLOCK + filled,
      ]);
    }
    sequence.context = depth;
    return sequence;
  }

  endAll(): void {
    for (const { slot } of this.#open) this.#executor.release(slot);
    this.#open = [];
    this.#nextBlock = FIRST_BLOCK + this.#filledBlocks;
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

  #tokens(count: number): Int32Array {
    return randomTokens(count, this.#executor.info.vocabSize, this.#epoch);
  }

  #start(known: Int32Array, promptTokenCount: number, capacity: number): BenchSequence {
    const slot = this.#open.length;
    const epoch = ++this.#epoch;
    const tokens = new Int32Array(capacity);
    tokens.set(known);
    this.#executor.admit(slot, {
      epoch,
      sampling: SAMPLING,
      promptTokenCount,
      tokens: known,
      minTokens: 0,
      stopTokenIds: [],
    });
    const sequence = { slot, epoch, tokens, context: 0, blockCount: 0 };
    this.#open.push(sequence);
    return sequence;
  }

  /** A row samples when it reaches `sampleFrom`. */
  async #step(sequences: readonly BenchSequence[], count: number, sampleFrom: number) {
    const { batch } = this.#executor;
    batch.stepIndex++;
    batch.sequenceCount = 0;
    batch.tokenCount = 0;
    for (const sequence of sequences) this.#pack(sequence, count, sampleFrom);
    const { tokens } = await this.#executor.execute();
    batch.deltaCount = 0;
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
      this.#addDelta(batch.deltaCount++, [sequence.slot, sequence.blockCount, this.#nextBlock++]);
    }
    const { slot, epoch, context } = sequence;
    const samples = end >= sampleFrom ? 1 : 0;
    const fields = [slot, epoch, context, count, samples, -1, batch.tokenCount, 0];
    batch.sequences.set(fields, batch.sequenceCount++ * SEQUENCE_FIELDS);
    batch.tokens.set(sequence.tokens.subarray(context, end), batch.tokenCount);
    batch.tokenCount += count;
  }

  #addDelta(index: number, delta: readonly number[]): void {
    this.#executor.batch.blockDeltas.set(delta, index * DELTA_FIELDS);
  }
}
