/** The whole native path on reference checkpoints: greedy text and log-probabilities. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuFeatures, NativeExecutor } from '../../src/executor/index.ts';
import { type GoldenCase, type GoldenPrompt, goldenLogitsCases } from '../support/golden-logits.ts';
import { GREEDY, StepDriver } from '../support/step-driver.ts';

/**
 * Of a log-probability. The reference backend computes in float32; the cpu backend rounds weights and
 * activations to bf16, which on models this narrow moves single logits by a few tenths.
 */
const TOLERANCE = { reference: 2e-3, cpu: 0.6 };

type Place = { readonly backend: keyof typeof TOLERANCE; readonly isa: string };

const REFERENCE: Place = { backend: 'reference', isa: 'auto' };
const PLACES: readonly Place[] = [
  REFERENCE,
  ...cpuFeatures().map((isa) => ({ backend: 'cpu' as const, isa })),
];

const open = (golden: GoldenCase, place: Place, tensorParallelSize: number) =>
  NativeExecutor.open({
    ...place,
    modelDir: golden.folder,
    threads: 1,
    tensorParallelSize,
    kvMemoryBytes: 'auto',
    maxModelLen: 256,
    maxSequences: 4,
    stepTokenCapacity: 512,
    strict: true,
  });

function logSoftmax(logits: Float32Array): number[] {
  const max = Math.max(...logits);
  const logSum = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
  return Array.from(logits, (logit) => logit - max - logSum);
}

const indexOfMax = (values: readonly number[]) => values.indexOf(Math.max(...values));

type PromptComparison = {
  /** Largest difference of a log-probability, over the next tokens and the five best. */
  readonly difference: number;
  /** Positions at which another token is the best. */
  readonly otherBest: readonly number[];
};

async function comparePrompt(
  driver: StepDriver,
  prompt: GoldenPrompt,
  vocabSize: number,
): Promise<PromptComparison> {
  const sampling = { ...GREEDY, promptLogprobs: 5 };
  const sequence = driver.start(0, { tokens: prompt.tokens, sampling });
  const [row] = await driver.step({ sequence, promptLogprobs: true });
  driver.end(sequence);
  let difference = 0;
  const otherBest: number[] = [];
  for (let position = 0; position + 1 < prompt.tokens.length; position++) {
    const golden = logSoftmax(
      prompt.logits.subarray(position * vocabSize, (position + 1) * vocabSize),
    );
    const report = row?.prompt[position];
    if (report?.topIds[0] !== indexOfMax(golden)) otherBest.push(position);
    const pairs = [
      [prompt.tokens[position + 1] ?? -1, report?.logprob],
      ...(report?.topIds ?? []).slice(0, 5).map((id, rank) => [id, report?.topLogprobs[rank]]),
    ];
    for (const [id, logprob] of pairs) {
      const wanted = golden[id ?? -1] ?? Number.NaN;
      difference = Math.max(difference, Math.abs((logprob ?? Number.NaN) - wanted));
    }
  }
  return { difference, otherBest };
}

describe.each(goldenLogitsCases())('$name', (golden) => {
  let executor: NativeExecutor;
  beforeAll(async () => {
    executor = await open(golden, REFERENCE, 1);
  });
  afterAll(() => executor.close());

  it.each(PLACES)('reports the log-probabilities of prompts on $backend $isa', async (place) => {
    const each = await open(golden, place, 1);
    if (place.backend === 'cpu') expect(each.info.isa).toBe(place.isa);
    const driver = new StepDriver(each);
    for (const prompt of golden.prompts) {
      const { difference, otherBest } = await comparePrompt(driver, prompt, golden.vocabSize);
      expect(otherBest).toEqual([]);
      expect(difference).toBeLessThan(TOLERANCE[place.backend]);
    }
    await each.close();
  });

  it('continues greedily as the reference does', async () => {
    const driver = new StepDriver(executor);
    for (const { tokens, greedy } of golden.prompts) {
      expect(await driver.run(1, { tokens }, greedy.length, 50)).toEqual(greedy);
    }
  });

  it('continues the same in one batch, and on several ranks', async () => {
    const ranks = await open(golden, REFERENCE, golden.headCount % 2 === 0 ? 2 : golden.headCount);
    for (const each of [executor, ranks]) {
      const driver = new StepDriver(each);
      const sequences = golden.prompts.map(({ tokens }, slot) => driver.start(slot, { tokens }));
      for (const _ of golden.prompts[0]?.greedy ?? []) {
        await driver.step(...sequences.map((sequence) => ({ sequence })));
      }
      expect(sequences.map(({ tokens }) => tokens)).toEqual(
        golden.prompts.map(({ tokens, greedy }) => [...tokens, ...greedy]),
      );
      for (const sequence of sequences) driver.end(sequence);
    }
    await ranks.close();
  });
});
