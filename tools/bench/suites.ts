/** Which cases are measured, model by model. */
import type { OfflineCase } from './offline.ts';
import type { ServingLoad } from './serving.ts';
import { type BenchDtype, SHAPES } from './shapes.ts';

export type Suite = {
  readonly shape: string;
  readonly dtype: BenchDtype;
  readonly cases: readonly OfflineCase[];
  readonly repetitions: number;
  /** Distinct tokens in the cache; sequences of wide and deep cases share blocks beyond it. */
  readonly filledTokens: number;
};

const prefill = (promptTokens: number): OfflineCase => ({ kind: 'prefill', promptTokens });
const decode = (batch: number, depth: number): OfflineCase => ({ kind: 'decode', batch, depth });

/** More than any last-level cache of such machines holds, so that keys come from memory. */
const FILLED_TOKENS = 32_768;
/** In the quick run, where filling is most of the time: the deepest cases read some keys twice. */
const QUICK_FILLED_TOKENS = { S: 16_384, M: 8192 };

/** The cases of the comparison with llama.cpp and ik_llama.cpp. */
export const QUICK_SUITES: readonly Suite[] = [
  {
    shape: 'S',
    dtype: 'bf16',
    cases: [
      decode(1, 0),
      decode(1, 4096),
      decode(1, 16_384),
      decode(1, 32_768),
      decode(16, 4096),
      decode(32, 512),
      prefill(512),
      prefill(8192),
    ],
    repetitions: 2,
    filledTokens: QUICK_FILLED_TOKENS.S,
  },
  { shape: 'S', dtype: 'fp8', cases: [decode(1, 0)], repetitions: 3, filledTokens: 0 },
  {
    shape: 'M',
    dtype: 'bf16',
    cases: [decode(1, 0), decode(1, 16_384), decode(1, 32_768), decode(32, 512)],
    repetitions: 3,
    filledTokens: QUICK_FILLED_TOKENS.M,
  },
];

const DEPTHS = [0, 4096, 16_384, 32_768];
const BATCHES = [1, 4, 8, 16, 32];
const EVERY_CASE: readonly OfflineCase[] = [
  ...[512, 2048, 8192].map(prefill),
  ...[...DEPTHS, 512].flatMap((depth) => BATCHES.map((batch) => decode(batch, depth))),
];

export const FULL_SUITES: readonly Suite[] = [
  { shape: 'S', dtype: 'bf16', cases: EVERY_CASE, repetitions: 5, filledTokens: FILLED_TOKENS },
  { shape: 'S', dtype: 'fp8', cases: EVERY_CASE, repetitions: 5, filledTokens: FILLED_TOKENS },
  { shape: 'M', dtype: 'bf16', cases: EVERY_CASE, repetitions: 5, filledTokens: FILLED_TOKENS },
];

const BASE_LOAD = {
  warmups: 2,
  promptTokens: 256,
  completionTokens: 128,
  vocabSize: SHAPES.S?.vocabSize ?? 0,
  seed: 1,
};

export const closedLoad = (rate: number, requests: number): ServingLoad => ({
  ...BASE_LOAD,
  rate,
  arrivals: 'closed',
  requests,
});

export function servingLoads(quick: boolean): readonly ServingLoad[] {
  if (quick) return [closedLoad(32, 32)];
  const poisson = { ...BASE_LOAD, arrivals: 'poisson', requests: 100 } as const;
  return [
    closedLoad(1, 20),
    closedLoad(8, 64),
    closedLoad(32, 128),
    { ...poisson, rate: 0.5 },
    { ...poisson, rate: 1 },
    { ...poisson, rate: 2 },
  ];
}
