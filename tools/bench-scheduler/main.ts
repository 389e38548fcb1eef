/**
 * `npm run bench:scheduler`: time of schedule + pack + apply for one decode step at several numbers
 * of sequences. The executor is left out: what it would sample is made up.
 */
import { packStep } from '../../src/engine/pack-step.ts';
import { SimulatedExecutor, VirtualClock } from '../../src/executor/index.ts';
import { Scheduler, type SequenceSpec, schedulerConfig } from '../../src/scheduler/index.ts';

const BATCHES = [64, 256, 1024];
const PROMPT_TOKENS = 500;
const WARMUP_STEPS = 500;
const MEASURED_STEPS = 2000;
const NO_SLOTS: ReadonlySet<number> = new Set();

const SAMPLING = {
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

const specOf = (id: number): SequenceSpec => ({
  id,
  promptTokens: Int32Array.from({ length: PROMPT_TOKENS }, (_, i) => id + i),
  sampling: SAMPLING,
  maxTokens: 100_000,
  minTokens: 0,
  stopTokenIds: [],
  priority: 3,
  tenant: '',
  cacheSalt: '',
  constrained: false,
});

for (const batch of BATCHES) {
  const micros = measure(batch);
  const [median, p99] = [0.5, 0.99].map((share) => micros[Math.floor(micros.length * share)] ?? 0);
  console.log(
    `${String(batch).padStart(5)} sequences: ${median?.toFixed(1)} us a step (median), ` +
      `${p99?.toFixed(1)} us (p99), ${MEASURED_STEPS} steps`,
  );
}

/** Microseconds of each measured step, ascending. */
function measure(batchSize: number): Float64Array {
  const maxModelLen = PROMPT_TOKENS + WARMUP_STEPS + MEASURED_STEPS + 100;
  const facts = {
    maxModelLen,
    blockCount: 1 + batchSize * Math.ceil(maxModelLen / 64 + 1) * 2,
    stepTokenCapacity: batchSize * PROMPT_TOKENS,
  };
  const config = schedulerConfig(
    { ...facts, maxSequences: batchSize },
    { fixedPrefillTokens: facts.stepTokenCapacity, queueCapacity: batchSize },
  );
  const scheduler = new Scheduler(config);
  const { batch } = new SimulatedExecutor({
    ...facts,
    vocabSize: 100_000,
    slotCount: batchSize,
    strict: true,
    verifyReads: false,
    cost: () => 0,
    passTime: new VirtualClock().pass,
  });
  const outcome = {
    tokens: new Int32Array(batchSize).fill(1),
    finite: new Int32Array(batchSize).fill(1),
    stepMicros: 30_000,
  };
  let nowMs = 0;
  const step = (): number => {
    const started = process.hrtime.bigint();
    packStep(scheduler.schedule(nowMs), batch, NO_SLOTS);
    scheduler.apply(outcome, nowMs);
    const micros = Number(process.hrtime.bigint() - started) / 1000;
    nowMs += 30;
    return micros;
  };
  for (let id = 1; id <= batchSize; id++) scheduler.add(specOf(id), nowMs);
  for (let i = 0; i < WARMUP_STEPS; i++) step();
  const { runningCount, stepDecodeTokens } = scheduler.stats();
  if (runningCount !== batchSize || stepDecodeTokens !== batchSize) {
    throw new Error(`${runningCount} sequences run, ${stepDecodeTokens} decode, not ${batchSize}.`);
  }
  return Float64Array.from({ length: MEASURED_STEPS }, step).sort();
}
