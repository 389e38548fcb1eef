/** Loads a server with many streams at once and reports what its users would see. */
import { setTimeout as wait } from 'node:timers/promises';
import { randomFrom } from './random-values.ts';
import { type StreamTarget, type StreamTiming, streamCompletion } from './stream-request.ts';

export type ServingLoad = {
  /** Streams at a time, or requests a second when `poisson`. */
  readonly rate: number;
  readonly arrivals: 'closed' | 'poisson';
  readonly requests: number;
  readonly warmups: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly vocabSize: number;
  readonly seed: number;
};

/** A request is good when it keeps both limits. */
const GOOD_FIRST_TOKEN_MS = 2000;
const GOOD_GAP_P99_MS = 200;

export type Percentiles = { readonly p50: number; readonly p90: number; readonly p99: number };

export type ServingReport = {
  readonly load: ServingLoad;
  readonly errors: number;
  readonly outputTokensPerSecond: number;
  readonly requestsPerSecond: number;
  /** Requests a second that kept the limits of first token and gaps. */
  readonly goodput: number;
  readonly firstTokenMs: Percentiles;
  readonly gapMs: Percentiles;
  readonly totalMs: Percentiles;
  /** Of one core, so that a busy generator is noticed. */
  readonly generatorCpuShare: number;
};

export function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const index = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1);
    return sorted[Math.max(0, index)] ?? Number.NaN;
  };
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

/** Ids away from both ends of the vocabulary, where special tokens lie. */
function randomPrompt(load: ServingLoad, index: number): number[] {
  const random = randomFrom(load.seed + index);
  const lowest = 256;
  return Array.from(
    { length: load.promptTokens },
    () => lowest + Math.floor(random() * (load.vocabSize - 2 * lowest)),
  );
}

type Outcome = { readonly timings: StreamTiming[]; errors: number };

async function sendOne(target: StreamTarget, load: ServingLoad, index: number, outcome: Outcome) {
  const promptTokens = randomPrompt(load, index);
  try {
    const body = { promptTokens, maxTokens: load.completionTokens };
    outcome.timings.push(await streamCompletion(target, body));
  } catch {
    outcome.errors++;
  }
}

async function closedLoop(target: StreamTarget, load: ServingLoad, outcome: Outcome) {
  let next = load.warmups;
  const end = load.warmups + load.requests;
  const worker = async () => {
    while (next < end) await sendOne(target, load, next++, outcome);
  };
  await Promise.all(Array.from({ length: load.rate }, worker));
}

async function poissonArrivals(target: StreamTarget, load: ServingLoad, outcome: Outcome) {
  const random = randomFrom(load.seed);
  const open: Promise<void>[] = [];
  for (let index = 0; index < load.requests; index++) {
    open.push(sendOne(target, load, load.warmups + index, outcome));
    await wait((-Math.log(1 - random()) / load.rate) * 1000);
  }
  await Promise.all(open);
}

export async function measureServing(
  target: StreamTarget,
  load: ServingLoad,
): Promise<ServingReport> {
  const ignored: Outcome = { timings: [], errors: 0 };
  for (let index = 0; index < load.warmups; index++) await sendOne(target, load, index, ignored);
  const outcome: Outcome = { timings: [], errors: 0 };
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await (load.arrivals === 'closed' ? closedLoop : poissonArrivals)(target, load, outcome);
  const seconds = (performance.now() - startMs) / 1000;
  const used = process.cpuUsage(cpu);
  const { timings, errors } = outcome;
  const good = timings.filter(
    ({ firstTokenMs, gapsMs }) =>
      firstTokenMs <= GOOD_FIRST_TOKEN_MS && !(percentiles(gapsMs).p99 > GOOD_GAP_P99_MS),
  );
  const tokens = timings.reduce((sum, { completionTokens }) => sum + completionTokens, 0);
  return {
    load,
    errors,
    outputTokensPerSecond: tokens / seconds,
    requestsPerSecond: timings.length / seconds,
    goodput: good.length / seconds,
    firstTokenMs: percentiles(timings.map(({ firstTokenMs }) => firstTokenMs)),
    gapMs: percentiles(timings.flatMap(({ gapsMs }) => gapsMs)),
    totalMs: percentiles(timings.map(({ totalMs }) => totalMs)),
    generatorCpuShare: (used.user + used.system) / 1e6 / seconds,
  };
}
