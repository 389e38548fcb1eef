/** What every executor promises; run by one test file for each implementation. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtapError } from '../../src/errors.ts';
import type { Executor } from '../../src/executor/executor.ts';
import {
  BLOCK_SIZE,
  DELTA_BLOCK_ID,
  DELTA_BLOCK_INDEX,
  DELTA_FIELDS,
  DELTA_SLOT,
  FIELD_CONTEXT_BEFORE,
  FIELD_EPOCH,
  FIELD_MASK_ROW,
  FIELD_PROMPT_LOGPROBS,
  FIELD_QUERY_LENGTH,
  FIELD_SAMPLE,
  FIELD_SLOT,
  FIELD_TOKEN_OFFSET,
  SEQUENCE_FIELDS,
  TOP_LOGPROBS_MAX,
} from '../../src/executor/step-batch.ts';
import type { SamplingParams } from '../../src/sampling-params.ts';
import { type DrivenRow, GREEDY, StepDriver } from '../support/step-driver.ts';

export type ExecutorHarness = {
  /**
   * A fresh executor: at least 4 slots, 40 blocks, 256 tokens of context, 128 tokens a step and 100
   * tokens of vocabulary.
   */
  open(): Promise<Executor>;
  /** The same with a token after which no row of its sequence is finite; null: there is no such. */
  readonly nan: { open(): Promise<Executor>; readonly tokenId: number } | null;
};

const SAMPLED: SamplingParams = { ...GREEDY, temperature: 1, seed: 7 };

/** Prompt tokens below 90, the same for the same seed. */
const prompt = (seed: number, length: number) =>
  Array.from({ length }, (_, index) => (seed * 31 + index * index * 7 + index) % 90);

async function codeOf(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
  } catch (error) {
    return error instanceof EtapError ? error.code : `not an EtapError: ${error}`;
  }
  return 'nothing was thrown';
}

export function describeExecutorContract(name: string, harness: ExecutorHarness): void {
  describe(`executor contract: ${name}`, () => {
    describe('sound steps', () => soundSteps(harness));
    if (harness.nan !== null) notFinite(harness.nan);
    describe('log-probabilities', () => logProbabilities(harness));
    describe('refusals', () => refusals(harness));
  });
}

/** One executor for the tests of a group; each starts with a driver of its own. */
function sharedExecutor(harness: ExecutorHarness): () => Executor {
  let executor: Executor | undefined;
  beforeAll(async () => {
    executor = await harness.open();
  });
  afterAll(() => executor?.close());
  return () => {
    if (executor === undefined) throw new Error('the executor did not open');
    return executor;
  };
}

function soundSteps(harness: ExecutorHarness): void {
  const executor = sharedExecutor(harness);

  it('says what it is, and its arrays fit what it says', () => {
    const { info, batch } = executor();
    expect(info.slotCount).toBeGreaterThanOrEqual(4);
    expect(info.blockCount).toBeGreaterThanOrEqual(40);
    expect(info.maxModelLen).toBeGreaterThanOrEqual(256);
    expect(info.maxModelLen).toBeLessThanOrEqual((info.blockCount - 1) * BLOCK_SIZE);
    expect(info.stepTokenCapacity).toBeGreaterThanOrEqual(128);
    expect(batch.sequences.length).toBeGreaterThanOrEqual(info.slotCount * SEQUENCE_FIELDS);
    expect(batch.tokens.length).toBeGreaterThanOrEqual(info.stepTokenCapacity);
    expect(batch.masks.length).toBeGreaterThanOrEqual(
      info.slotCount * Math.ceil(info.vocabSize / 32),
    );
    const tableLength = Math.ceil(info.maxModelLen / BLOCK_SIZE);
    expect(batch.blockDeltas.length).toBeGreaterThanOrEqual(
      info.slotCount * tableLength * DELTA_FIELDS,
    );
  });

  it('samples the same tokens whatever the chunks', async () => {
    const driver = new StepDriver(executor());
    for (const sampling of [GREEDY, SAMPLED]) {
      const params = { tokens: prompt(1, 100), sampling };
      const whole = await driver.run(0, params, 12);
      for (const chunk of [1, 33, 64]) {
        expect(await driver.run(0, params, 12, chunk), `chunk ${chunk}`).toEqual(whole);
      }
    }
  });

  it('samples the same tokens in any slot, over any blocks', async () => {
    const params = { tokens: prompt(2, 130), sampling: SAMPLED };
    const expected = await new StepDriver(executor()).run(0, params, 70);
    const reversed = new StepDriver(executor(), (blocks) => blocks.reverse());
    expect(await reversed.run(3, params, 70)).toEqual(expected);
    const scattered = new StepDriver(executor(), (blocks) =>
      blocks.sort((a, b) => ((a * 17) % 37) - ((b * 17) % 37)),
    );
    expect(await scattered.run(1, params, 70)).toEqual(expected);
  });

  it('samples the same tokens whatever else is in the step', async () => {
    const driver = new StepDriver(executor());
    const lengths = [20, 70, 9, 28];
    const params = lengths.map((length, slot) => ({
      tokens: prompt(slot, length),
      sampling: { ...SAMPLED, seed: slot },
    }));
    const alone: number[][] = [];
    for (const [slot, each] of params.entries()) alone.push(await driver.run(slot, each, 6));
    const sequences = params.map((each, slot) => driver.start(slot, each));
    for (let step = 0; step < 6; step++) {
      await driver.step(...sequences.map((sequence) => ({ sequence })).reverse());
    }
    expect(sequences.map(({ tokens }) => tokens.slice(-6))).toEqual(alone);
    for (const sequence of sequences) driver.end(sequence);
  });

  it('goes on with the same tokens after a preemption', async () => {
    const driver = new StepDriver(executor());
    const tokens = prompt(3, 80);
    const sampling = { ...SAMPLED, frequencyPenalty: 0.5, repetitionPenalty: 1.2 };
    const whole = await driver.run(0, { tokens, sampling }, 20);
    for (const kept of [1, 11, 19]) {
      const known = [...tokens, ...whole.slice(0, kept)];
      const params = { tokens: known, promptTokenCount: tokens.length, sampling };
      expect(await driver.run(2, params, 20 - kept, 37), `after ${kept}`).toEqual(
        whole.slice(kept),
      );
    }
  });

  it('takes seed and position, and nothing else, for a draw', async () => {
    const driver = new StepDriver(executor());
    const run = (seed: number) =>
      driver.run(0, { tokens: prompt(4, 10), sampling: { ...SAMPLED, temperature: 2, seed } }, 16);
    const first = await run(1);
    expect(await run(2)).not.toEqual(first);
    expect(await run(1)).toEqual(first);
    expect(await run(Number.MAX_SAFE_INTEGER)).not.toEqual(first);
  });

  it('samples nothing from a sequence that is not done', async () => {
    const driver = new StepDriver(executor());
    const [partial, done] = [prompt(5, 60), prompt(6, 10)].map((tokens, slot) =>
      driver.start(slot, { tokens }),
    );
    if (partial === undefined || done === undefined) throw new Error('unreachable');
    const rows = await driver.step({ sequence: partial, count: 40 }, { sequence: done });
    expect(rows.map(({ token }) => token >= 0)).toEqual([false, true]);
    expect(rows.every(({ finite }) => finite)).toBe(true);
    driver.end(partial);
    driver.end(done);
  });

  it('holds to allowed ids, masks and stop tokens before minTokens', async () => {
    const driver = new StepDriver(executor());
    const { batch, info } = executor();
    const tokens = prompt(7, 12);
    const allowed = { ...SAMPLED, allowedTokenIds: [40, 41, 42] };
    const completion = await driver.run(0, { tokens, sampling: allowed }, 8);
    expect(completion.every((token) => token >= 40 && token <= 42)).toBe(true);

    const stops = { tokens, sampling: allowed, minTokens: 8, stopTokenIds: [40, 42] };
    expect(await driver.run(0, stops, 8)).toEqual(Array(8).fill(41));

    const words = Math.ceil(info.vocabSize / 32);
    batch.masks.fill(0, words, 2 * words);
    batch.masks[words + 1] = 1 << 5;
    const sequence = driver.start(1, { tokens, sampling: SAMPLED });
    const [row] = await driver.step({ sequence, maskRow: 1 });
    expect(row?.token).toBe(37);
    driver.end(sequence);
  });

  it('measures a step', async () => {
    const driver = new StepDriver(executor());
    driver.pack([]);
    expect((await executor().execute()).stepMicros).toBeGreaterThanOrEqual(0);
  });
}

function notFinite({ open, tokenId }: NonNullable<ExecutorHarness['nan']>): void {
  it('ends only the sequence whose row is not finite', async () => {
    const executor = await open();
    const driver = new StepDriver(executor);
    const tokens = prompt(8, 30);
    const expected = await driver.run(0, { tokens }, 1);
    const poisoned = driver.start(1, { tokens: [...tokens, tokenId] });
    const sound = driver.start(0, { tokens });
    const rows = await driver.step({ sequence: poisoned }, { sequence: sound });
    expect(rows.map(({ token, finite }) => [token, finite])).toEqual([
      [-1, false],
      [expected[0], true],
    ]);
    driver.end(poisoned);
    driver.end(sound);
    expect(await driver.run(1, { tokens }, 1)).toEqual(expected);
    await executor.close();
  });
}

function expectDescending(row: Pick<DrivenRow, 'topIds' | 'topLogprobs'>, count: number): void {
  expect(row.topIds.slice(count)).toEqual(Array(TOP_LOGPROBS_MAX - count).fill(-1));
  const best = row.topLogprobs.slice(0, count);
  expect(best).toEqual([...best].sort((a, b) => b - a));
  expect(best.every((logprob) => logprob <= 0)).toBe(true);
  expect(new Set(row.topIds.slice(0, count)).size).toBe(count);
}

function logProbabilities(harness: ExecutorHarness): void {
  const executor = sharedExecutor(harness);

  it.each([0, 1, 5, TOP_LOGPROBS_MAX])('reports the %i best of a sampled token', async (count) => {
    const driver = new StepDriver(executor());
    const sampling = { ...GREEDY, topLogprobs: count };
    const sequence = driver.start(0, { tokens: prompt(1, 20), sampling });
    const [row] = await driver.step({ sequence });
    if (row === undefined) throw new Error('unreachable');
    expect(row.logprob).toBeLessThanOrEqual(0);
    expectDescending(row, count);
    if (count > 0) {
      expect(row.topIds[0]).toBe(row.token);
      expect(row.topLogprobs[0]).toBe(row.logprob);
    }
    driver.end(sequence);
  });

  it('reports none where none are asked for', async () => {
    const driver = new StepDriver(executor());
    const sequence = driver.start(0, { tokens: prompt(1, 20) });
    const [row] = await driver.step({ sequence });
    expectDescending(row ?? { topIds: [], topLogprobs: [] }, 0);
    driver.end(sequence);
  });

  it('reports prompt tokens, the same in any chunks', async () => {
    const driver = new StepDriver(executor());
    const tokens = prompt(2, 90);
    const params = { tokens, sampling: { ...GREEDY, promptLogprobs: 3 } };
    const reports: DrivenRow['prompt'][] = [];
    for (const chunk of [90, 64, 17]) {
      const sequence = driver.start(0, params);
      const report: DrivenRow['prompt'][number][] = [];
      while (sequence.computed < tokens.length) {
        const count = Math.min(chunk, tokens.length - sequence.computed);
        const [row] = await driver.step({ sequence, count, promptLogprobs: true });
        report.push(...(row?.prompt ?? []));
      }
      driver.end(sequence);
      reports.push(report.slice(0, -1));
    }
    expect(reports[0]).toHaveLength(tokens.length - 1);
    for (const row of reports[0] ?? []) {
      expectDescending(row, 3);
      expect(row.logprob).toBeLessThanOrEqual(0);
    }
    expect(reports[1]).toEqual(reports[0]);
    expect(reports[2]).toEqual(reports[0]);
  });
}

function refusals(harness: ExecutorHarness): void {
  const executor = sharedExecutor(harness);

  it.each<readonly [string, Partial<SamplingParams>]>([
    ['temperature', { temperature: -1 }],
    ['temperature', { temperature: Number.NaN }],
    ['topK', { topK: -1 }],
    ['topK', { topK: 1.5 }],
    ['topP', { topP: 1.1 }],
    ['minP', { minP: -0.1 }],
    ['repetitionPenalty', { repetitionPenalty: 0 }],
    ['frequencyPenalty', { frequencyPenalty: Number.POSITIVE_INFINITY }],
    ['seed', { seed: 0.5 }],
    ['logitBias', { logitBias: [[1 << 30, 1]] }],
    ['allowedTokenIds', { allowedTokenIds: [-1] }],
    ['allowedTokenIds', { allowedTokenIds: [] }],
    ['topLogprobs', { topLogprobs: TOP_LOGPROBS_MAX + 1 }],
    ['promptLogprobs', { promptLogprobs: -1 }],
  ])('refuses %s out of range by name: %j', async (field, change) => {
    const driver = new StepDriver(executor());
    const admit = () => driver.start(0, { tokens: [1, 2], sampling: { ...GREEDY, ...change } });
    expect(await codeOf(admit)).toBe('ETAP_ERR_INVALID_REQUEST');
    expect(admit).toThrow(field);
    driver.end(driver.start(0, { tokens: [1, 2] }));
  });

  it.each([
    { tokens: [] },
    { tokens: [1 << 30] },
    { tokens: [-1] },
    { tokens: [1], promptTokenCount: 2 },
    { tokens: [1], promptTokenCount: 0 },
    { tokens: [1], minTokens: -1 },
    { tokens: [1], stopTokenIds: [1 << 30] },
  ])('refuses the sequence %j', async (params) => {
    const driver = new StepDriver(executor());
    expect(await codeOf(() => driver.start(0, params))).toBe('ETAP_ERR_INVALID_REQUEST');
  });

  it('refuses slots that are taken, free or not there', async () => {
    const driver = new StepDriver(executor());
    const sequence = driver.start(0, { tokens: [1] });
    expect(await codeOf(() => driver.start(0, { tokens: [1] }))).toBe('ETAP_ERR_INTERNAL');
    const missing = executor().info.slotCount;
    expect(await codeOf(() => driver.start(missing, { tokens: [1] }))).toBe('ETAP_ERR_INTERNAL');
    driver.end(sequence);
    expect(await codeOf(() => executor().release(0))).toBe('ETAP_ERR_INTERNAL');
  });

  // A step that was packed wrongly ends the executor: each case opens its own.
  it.each<readonly [string, number, number]>([
    ['slot', FIELD_SLOT, 1],
    ['slot', FIELD_SLOT, -1],
    ['epoch', FIELD_EPOCH, 999],
    ['context before', FIELD_CONTEXT_BEFORE, -1],
    ['context before', FIELD_CONTEXT_BEFORE, 1],
    ['query length', FIELD_QUERY_LENGTH, 0],
    ['query length', FIELD_QUERY_LENGTH, 1 << 20],
    ['sample', FIELD_SAMPLE, 2],
    ['mask row', FIELD_MASK_ROW, 1 << 20],
    ['token offset', FIELD_TOKEN_OFFSET, 1],
    ['prompt logprobs', FIELD_PROMPT_LOGPROBS, 1],
  ])('refuses a step with a wrong %s, and every step after it', async (_name, field, value) => {
    const fresh = await harness.open();
    try {
      const driver = new StepDriver(fresh);
      const sequence = driver.start(0, { tokens: prompt(1, 20) });
      driver.pack([{ sequence }]);
      fresh.batch.sequences[field] = value;
      expect(await codeOf(() => fresh.execute())).toBe('ETAP_ERR_STEP_FAILED');
      driver.pack([]);
      expect(await codeOf(() => fresh.execute())).toBe('ETAP_ERR_STEP_FAILED');
    } finally {
      await fresh.close();
    }
  });

  it.each<readonly [string, number, number]>([
    ['slot', DELTA_SLOT, 2],
    ['block index', DELTA_BLOCK_INDEX, 1],
    ['null block', DELTA_BLOCK_ID, 0],
    ['block', DELTA_BLOCK_ID, 1 << 20],
  ])('refuses a block-table entry with a wrong %s', async (_name, field, value) => {
    const fresh = await harness.open();
    try {
      const driver = new StepDriver(fresh);
      driver.pack([{ sequence: driver.start(0, { tokens: prompt(1, 20) }) }]);
      fresh.batch.blockDeltas[field] = value;
      expect(await codeOf(() => fresh.execute())).toBe('ETAP_ERR_STEP_FAILED');
    } finally {
      await fresh.close();
    }
  });

  it('refuses the epoch of a slot that was used before', async () => {
    const fresh = await harness.open();
    try {
      const driver = new StepDriver(fresh);
      const stale = driver.start(0, { tokens: prompt(1, 20) });
      driver.end(stale);
      driver.start(0, { tokens: prompt(1, 20) });
      driver.pack([{ sequence: stale }]);
      expect(await codeOf(() => fresh.execute())).toBe('ETAP_ERR_STEP_FAILED');
    } finally {
      await fresh.close();
    }
  });

  it('takes no step after close', async () => {
    const fresh = await harness.open();
    await fresh.close();
    new StepDriver(fresh).pack([]);
    expect(await codeOf(() => fresh.execute())).not.toBe('nothing was thrown');
  });
}
