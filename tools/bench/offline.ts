/** The engine alone, without HTTP or scheduler: prompts of given lengths, decoding at given depths and batches. */
import {
  type Executor,
  NativeExecutor,
  type NativeExecutorOptions,
} from '../../src/executor/index.ts';
import { type BenchSequence, BenchSequences } from './bench-sequences.ts';
import { randomFrom } from './random-values.ts';

const SEED = 7;
const DECODE_WARMUP_STEPS = 3;
const STEP_TOKENS = 2048;

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
  /** Steps timed as one repetition of a decode case. */
  readonly decodeSteps: number;
};

function executorOptions(
  options: OfflineOptions,
  cases: readonly OfflineCase[],
): NativeExecutorOptions {
  const longest = Math.max(...cases.map((one) => contextOf(one, options)));
  return {
    modelDir: options.modelDir,
    backend: 'cpu',
    isa: options.isa,
    threads: options.threads,
    tensorParallelSize: 1,
    kvMemoryBytes: 'auto',
    maxModelLen: Math.ceil(longest / 64) * 64,
    maxSequences: Math.max(...cases.map((one) => (one.kind === 'decode' ? one.batch : 1))),
    stepTokenCapacity: STEP_TOKENS,
    strict: true,
  };
}

function contextOf(one: OfflineCase, { repetitions, decodeSteps }: OfflineOptions): number {
  if (one.kind === 'prefill') return one.promptTokens + 1;
  return Math.max(one.depth, 1) + (repetitions + 1) * decodeSteps + DECODE_WARMUP_STEPS + 2;
}

function prompt(length: number, vocabSize: number, seed: number): Int32Array {
  const random = randomFrom(SEED + seed);
  return Int32Array.from({ length }, () => 256 + Math.floor(random() * (vocabSize - 512)));
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

async function measurePrefill(executor: Executor, length: number, repetitions: number) {
  const speeds: number[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    const sequences = new BenchSequences(executor);
    const tokens = prompt(length, executor.info.vocabSize, repetition);
    const sequence = sequences.start(tokens, length + 1);
    const startMs = performance.now();
    await sequences.prefill(sequence, length, STEP_TOKENS);
    // The first touches memory for the first time, so it does not count.
    if (repetition > 0) speeds.push((1000 * length) / (performance.now() - startMs));
    sequences.endAll();
  }
  return speeds;
}

async function measureDecode(
  executor: Executor,
  { depth, batch }: { readonly depth: number; readonly batch: number },
  options: OfflineOptions,
) {
  const sequences = new BenchSequences(executor);
  const length = Math.max(depth, 1);
  const open: BenchSequence[] = [];
  for (let index = 0; index < batch; index++) {
    const capacity = contextOf({ kind: 'decode', depth, batch }, options);
    const tokens = prompt(length, executor.info.vocabSize, index);
    const sequence = sequences.start(tokens, capacity);
    await sequences.prefill(sequence, length, STEP_TOKENS);
    open.push(sequence);
  }
  for (let step = 0; step < DECODE_WARMUP_STEPS; step++) await sequences.decode(open);
  const speeds: number[] = [];
  for (let repetition = 0; repetition < options.repetitions; repetition++) {
    const startMs = performance.now();
    for (let step = 0; step < options.decodeSteps; step++) await sequences.decode(open);
    speeds.push((1000 * batch * options.decodeSteps) / (performance.now() - startMs));
  }
  sequences.endAll();
  return speeds;
}

export async function measureOffline(
  options: OfflineOptions,
  cases: readonly OfflineCase[],
  onResult: (result: OfflineResult) => void,
): Promise<readonly OfflineResult[]> {
  const executor = await NativeExecutor.open(executorOptions(options, cases), () => {});
  const results: OfflineResult[] = [];
  for (const one of cases) {
    const speeds =
      one.kind === 'prefill'
        ? await measurePrefill(executor, one.promptTokens, options.repetitions)
        : await measureDecode(executor, one, options);
    const result = summary(one, speeds);
    results.push(result);
    onResult(result);
  }
  await executor.close();
  return results;
}
