/** The engine alone, without HTTP or scheduler: prompts of given lengths, decoding at given depths and batches. */
import {
  type Executor,
  type ExecutorInfo,
  NativeExecutor,
  type NativeExecutorOptions,
} from '../../src/executor/index.ts';
import { BenchSequences, FILL_PROMPTS_PER_STEP, randomTokens } from './bench-sequences.ts';

const DECODE_WARMUP_STEPS = 2;
export const STEP_TOKENS = 2048;
/** A repetition of a decode case lasts about this long, and at least one step. */
const REPETITION_MS = 600;
const DECODE_STEPS_MAX = 32;

export type OfflineCase =
  | { readonly kind: 'prefill'; readonly promptTokens: number }
  | { readonly kind: 'decode'; readonly depth: number; readonly batch: number };

export type OfflineResult = {
  readonly case: OfflineCase;
  /** Median over the repetitions. */
  readonly tokensPerSecond: number;
  readonly lowest: number;
  readonly highest: number;
};

export type OfflineOptions = {
  readonly modelDir: string;
  readonly isa: string;
  readonly threads: number | 'auto';
  readonly repetitions: number;
  /** Most tokens computed in advance for the sequences of decode cases. */
  readonly filledTokens: number;
};

const growth = ({ repetitions }: OfflineOptions) =>
  (repetitions + 1) * DECODE_STEPS_MAX + DECODE_WARMUP_STEPS + 2;

const contextOf = (one: OfflineCase, options: OfflineOptions) =>
  one.kind === 'prefill' ? one.promptTokens + 1 : one.depth + growth(options);

/** Tokens that the decode cases need in the cache. */
function filledTokens(
  cases: readonly OfflineCase[],
  { filledTokens: most }: OfflineOptions,
): number {
  const decodes = cases.filter((one) => one.kind === 'decode');
  const deepest = Math.max(0, ...decodes.map(({ depth }) => depth));
  const together = Math.max(0, ...decodes.map(({ depth, batch }) => depth * batch));
  return Math.min(most, Math.max(deepest, together));
}

function executorOptions(
  options: OfflineOptions,
  cases: readonly OfflineCase[],
): NativeExecutorOptions {
  const longest = Math.max(...cases.map((one) => contextOf(one, options)));
  const widest = Math.max(...cases.map((one) => (one.kind === 'decode' ? one.batch : 1)));
  return {
    modelDir: options.modelDir,
    backend: 'cpu',
    isa: options.isa,
    threads: options.threads,
    tensorParallelSize: 1,
    kvMemoryBytes: 'auto',
    maxModelLen: Math.ceil(longest / 64) * 64,
    maxSequences: Math.max(FILL_PROMPTS_PER_STEP, widest),
    stepTokenCapacity: STEP_TOKENS,
    strict: true,
  };
}

function summary(one: OfflineCase, speeds: readonly number[]): OfflineResult {
  const sorted = [...speeds].sort((a, b) => a - b);
  return {
    case: one,
    tokensPerSecond: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
    lowest: sorted[0] ?? Number.NaN,
    highest: sorted.at(-1) ?? Number.NaN,
  };
}

/** One executor with a filled cache; measures case after case. */
export class OfflineBench {
  readonly #executor: Executor;
  readonly #sequences: BenchSequences;
  readonly #options: OfflineOptions;

  private constructor(executor: Executor, options: OfflineOptions) {
    this.#executor = executor;
    this.#sequences = new BenchSequences(executor);
    this.#options = options;
  }

  /** @param cases all that will be asked for: they decide how much memory there must be */
  static async open(options: OfflineOptions, cases: readonly OfflineCase[]): Promise<OfflineBench> {
    const executor = await NativeExecutor.open(executorOptions(options, cases), () => {});
    const bench = new OfflineBench(executor, options);
    await bench.#sequences.fill(filledTokens(cases, options));
    return bench;
  }

  get info(): ExecutorInfo {
    return this.#executor.info;
  }

  async measure(one: OfflineCase): Promise<OfflineResult> {
    const speeds =
      one.kind === 'prefill' ? await this.#prefill(one.promptTokens) : await this.#decode(one);
    this.#sequences.endAll();
    return summary(one, speeds);
  }

  close(): Promise<void> {
    return this.#executor.close();
  }

  async #prefill(length: number): Promise<number[]> {
    const speeds: number[] = [];
    // The first prompt touches memory for the first time: a short one does it as well as a long one.
    const warmup = randomTokens(Math.min(length, STEP_TOKENS), this.#executor.info.vocabSize, 0);
    await this.#timePrompt(warmup);
    for (let repetition = 1; repetition <= this.#options.repetitions; repetition++) {
      const tokens = randomTokens(length, this.#executor.info.vocabSize, repetition);
      speeds.push((1000 * length) / (await this.#timePrompt(tokens)));
    }
    return speeds;
  }

  async #timePrompt(tokens: Int32Array): Promise<number> {
    const sequence = this.#sequences.startPrompt(tokens, tokens.length + 1);
    const startMs = performance.now();
    await this.#sequences.prefill(sequence, tokens.length, STEP_TOKENS);
    const passedMs = performance.now() - startMs;
    this.#sequences.endAll();
    return passedMs;
  }

  async #decode(one: { readonly depth: number; readonly batch: number }): Promise<number[]> {
    const capacity = contextOf({ kind: 'decode', ...one }, this.#options);
    const open = Array.from({ length: one.batch }, (_, index) =>
      this.#sequences.startAt(one.depth, capacity, index),
    );
    let stepMs = 0;
    for (let step = 0; step < DECODE_WARMUP_STEPS; step++) {
      const startMs = performance.now();
      await this.#sequences.decode(open);
      stepMs = performance.now() - startMs;
    }
    const steps = Math.max(1, Math.min(DECODE_STEPS_MAX, Math.round(REPETITION_MS / stepMs)));
    const speeds: number[] = [];
    for (let repetition = 0; repetition < this.#options.repetitions; repetition++) {
      const startMs = performance.now();
      for (let step = 0; step < steps; step++) await this.#sequences.decode(open);
      speeds.push((1000 * one.batch * steps) / (performance.now() - startMs));
    }
    return speeds;
  }
}
