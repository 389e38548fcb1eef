import { describe, expect, it } from 'vitest';
import { EngineLoop } from '../../../src/engine/loop.ts';
import type { AddCommand, EngineMessage } from '../../../src/engine/messages.ts';
import {
  SimulatedExecutor,
  type SimulatedExecutorOptions,
  type SimulatedFault,
  VirtualClock,
} from '../../../src/executor/index.ts';
import { type SchedulerConfig, schedulerConfig } from '../../../src/scheduler/index.ts';
import { GREEDY } from '../../support/step-driver.ts';

type StepMessage = Extract<EngineMessage, { kind: 'step' }>;

const FACTS = { maxModelLen: 1024, blockCount: 33, stepTokenCapacity: 256 };

function engine(
  options: {
    readonly scheduler?: Partial<SchedulerConfig>;
    readonly faultOf?: (stepIndex: number) => SimulatedFault | null;
    readonly cost?: SimulatedExecutorOptions['cost'];
    readonly stepDeadlineMs?: number;
  } = {},
) {
  const clock = new VirtualClock();
  const messages: EngineMessage[] = [];
  const executor = new SimulatedExecutor({
    ...FACTS,
    vocabSize: 1000,
    slotCount: 8,
    strict: true,
    verifyReads: true,
    cost: options.cost ?? (({ newTokens }) => 1000 + newTokens * 10),
    passTime: clock.pass,
    ...(options.faultOf && { faultOf: options.faultOf }),
  });
  const loop = new EngineLoop({
    executor,
    scheduler: schedulerConfig({ ...FACTS, maxSequences: 8 }, options.scheduler),
    stepDeadlineMs: options.stepDeadlineMs ?? 30_000,
    now: () => clock.nowMs,
    emit: (message) => messages.push(message),
  });
  const steps = () => messages.filter((one): one is StepMessage => one.kind === 'step');
  const finishes = () => steps().flatMap((step) => step.finishes);
  const tokensOf = (id: number) =>
    steps().flatMap(({ tokens }) =>
      Array.from({ length: tokens.length / 2 }, (_, i) => [tokens[i * 2], tokens[i * 2 + 1]])
        .filter(([owner]) => owner === id)
        .map(([, token]) => token),
    );
  return { loop, executor, clock, messages, steps, finishes, tokensOf };
}

function command(id: number, changes: Partial<AddCommand> = {}): AddCommand {
  return {
    id,
    promptTokens: Int32Array.from({ length: 100 }, (_, i) => (i * 7 + id) % 1000),
    sampling: GREEDY,
    maxTokens: 5,
    minTokens: 0,
    stopTokenIds: [],
    priority: 3,
    tenant: '',
    cacheSalt: '',
    grammar: null,
    ...changes,
  };
}

describe('EngineLoop', () => {
  it('runs sequences to their end and comes to rest', async () => {
    const { loop, steps, finishes, tokensOf } = engine();
    loop.add(command(1));
    loop.add(command(2));
    await loop.idle();
    expect(finishes().map(({ id, reason }) => [id, reason])).toEqual([
      [1, 'length'],
      [2, 'length'],
    ]);
    expect(tokensOf(1)).toHaveLength(5);
    expect(tokensOf(1)).not.toEqual(tokensOf(2));
    expect(steps().flatMap(({ starts }) => starts)).toEqual([
      { id: 1, queuedMs: 0, cachedTokenCount: 0 },
      { id: 2, queuedMs: 0, cachedTokenCount: 0 },
    ]);
    expect(steps().at(-1)?.stats).toMatchObject({ runningCount: 0, blocksUsed: 0, stepCount: 5 });
    expect([loop.completedStepCount, loop.stepAgeMs]).toEqual([5, 0]);
  });

  it('takes commands while a step runs', async () => {
    const { loop, finishes, tokensOf } = engine({
      faultOf: (stepIndex) => {
        // Called within a step: the row of sequence 1 is in flight.
        if (stepIndex === 2) {
          loop.abort(1);
          loop.abort(1);
          loop.add(command(3));
        }
        return null;
      },
    });
    loop.add(command(1, { maxTokens: 50 }));
    await loop.idle();
    expect(finishes().map(({ id, reason }) => [id, reason])).toEqual([
      [1, 'abort'],
      [3, 'length'],
    ]);
    expect(tokensOf(1)).toHaveLength(2);
  });

  it('tells of refused and aborted sequences without a step', async () => {
    const { loop, executor, finishes } = engine();
    loop.add(command(1, { promptTokens: new Int32Array(2000) }));
    await loop.idle();
    expect(finishes()).toMatchObject([{ id: 1, errorCode: 'ETAP_ERR_CONTEXT_LENGTH' }]);
    loop.add(command(2));
    loop.abort(2);
    await loop.idle();
    expect(finishes()).toMatchObject([{ id: 1 }, { id: 2, reason: 'abort' }]);
    expect([loop.completedStepCount, executor.batch.stepIndex]).toEqual([0, 1]);
  });

  it('ends a sequence that the executor refuses, and no other', async () => {
    const { loop, finishes } = engine();
    loop.add(command(1));
    loop.add(command(2, { sampling: { ...GREEDY, topP: 2 } }));
    loop.add(command(3));
    await loop.idle();
    expect(finishes().map(({ id, errorCode }) => [id, errorCode])).toEqual([
      [2, 'ETAP_ERR_INVALID_REQUEST'],
      [1, null],
      [3, null],
    ]);
  });

  it('ends a sequence with a row that is not finite, and no other', async () => {
    const { loop, finishes, tokensOf } = engine({
      faultOf: (stepIndex) => (stepIndex === 3 ? { kind: 'nan', row: 1 } : null),
    });
    for (const id of [1, 2, 3]) loop.add(command(id, { maxTokens: 8 }));
    await loop.idle();
    expect(finishes().map(({ id, errorCode }) => [id, errorCode])).toEqual([
      [2, 'ETAP_ERR_NAN_LOGITS'],
      [1, null],
      [3, null],
    ]);
    expect([1, 2, 3].map((id) => tokensOf(id).length)).toEqual([8, 3, 8]);
  });

  it('reports log-probabilities to those who asked', async () => {
    const { loop, steps } = engine({ scheduler: { fixedPrefillTokens: 64 } });
    const sampling = { ...GREEDY, topLogprobs: 2, promptLogprobs: 1 };
    loop.add(command(1, { sampling, maxTokens: 3 }));
    loop.add(command(2, { maxTokens: 3 }));
    loop.add(command(3, { sampling: { ...GREEDY, topLogprobs: 0 }, maxTokens: 3 }));
    await loop.idle();
    const logprobs = steps().flatMap((step) => step.logprobs);
    expect(logprobs.filter(({ id }) => id === 1).map(({ topIds }) => topIds.length)).toEqual([
      2, 2, 2,
    ]);
    expect(logprobs.filter(({ id }) => id === 3)).toHaveLength(3);
    expect(logprobs.filter(({ id }) => id === 2)).toEqual([]);
    const prompts = steps().flatMap((step) => step.promptLogprobs);
    expect(prompts.map(({ id, tokens }) => [id, tokens.length])).toEqual([[1, 99]]);
    expect(prompts[0]?.tokens.every(({ topIds }) => topIds.length === 1)).toBe(true);
    const told = steps().findIndex((step) => step.promptLogprobs.length > 0);
    expect(steps()[told]?.tokens[0]).toBe(1);
  });

  it('computes prompt log-probabilities without the prefix cache', async () => {
    const { loop, steps, finishes } = engine();
    loop.add(command(1));
    await loop.idle();
    const promptTokens = command(1).promptTokens;
    loop.add(command(2, { promptTokens, sampling: { ...GREEDY, promptLogprobs: 0 } }));
    await loop.idle();
    loop.add(command(3, { promptTokens }));
    await loop.idle();
    expect(finishes().map((finish) => finish.cachedTokenCount)).toEqual([0, 0, 64]);
    expect(steps().flatMap((step) => step.promptLogprobs)[0]?.tokens).toHaveLength(99);
    loop.flushPrefixCache();
    loop.add(command(4, { promptTokens }));
    await loop.idle();
    expect(finishes().at(-1)?.cachedTokenCount).toBe(0);
  });

  it('ends every sequence when a step fails, says so, and takes no more', async () => {
    const { loop, messages, finishes } = engine({
      faultOf: (stepIndex) => (stepIndex === 1 ? { kind: 'fail' } : null),
    });
    for (const id of [1, 2]) loop.add(command(id));
    await loop.idle();
    loop.add(command(3));
    await loop.idle();
    expect(finishes().map(({ id, errorCode }) => [id, errorCode])).toEqual(
      [1, 2, 3].map((id) => [id, 'ETAP_ERR_STEP_FAILED']),
    );
    const failures = messages.filter((message) => message.kind === 'failed');
    expect(failures).toMatchObject([{ code: 'ETAP_ERR_STEP_FAILED' }]);
    expect(loop.failure?.code).toBe('ETAP_ERR_STEP_FAILED');
  });

  it('ends with what it did not expect as well', async () => {
    for (const thrown of [new Error('unforeseen'), 'not even an Error']) {
      const { loop, executor, finishes } = engine();
      executor.admit = () => {
        throw thrown;
      };
      loop.add(command(1));
      await loop.idle();
      expect(finishes()).toMatchObject([{ id: 1, errorCode: 'ETAP_ERR_INTERNAL' }]);
      expect(loop.failure?.message).toMatch(/unforeseen|not even/);
    }
  });

  it('shows the age of a step that hangs', async () => {
    const { loop, executor, clock } = engine({ faultOf: () => ({ kind: 'hang' }) });
    loop.add(command(1));
    await Promise.resolve();
    await clock.pass(5_000_000);
    expect([loop.stepAgeMs, loop.completedStepCount]).toEqual([5000, 0]);
    await executor.close();
    await loop.idle();
    expect([loop.stepAgeMs, loop.failure?.code]).toEqual([0, 'ETAP_ERR_STEP_FAILED']);
  });

  it('allows a slow machine longer steps, and begins its first prefill with a small chunk', async () => {
    const { loop, steps } = engine({
      stepDeadlineMs: 10,
      cost: ({ newTokens }) => newTokens * 6000,
      scheduler: { prefillTokensMin: 64, firstPrefillTokens: 64 },
    });
    loop.add(command(1, { promptTokens: new Int32Array(1), maxTokens: 1 }));
    await loop.idle();
    loop.add(command(2, { promptTokens: Int32Array.from({ length: 400 }, (_, i) => i) }));
    await loop.idle();
    const prefills = steps().flatMap(({ stats }) => stats.stepPrefillTokens || []);
    expect(prefills.slice(0, 2)).toEqual([1, 64]);
    // The longest step took at least 64 times 6 ms.
    expect(loop.stepAllowedMs).toBeGreaterThan(1.9 * 64 * 6);
  });

  it('stops after the step in flight', async () => {
    const { loop, steps } = engine();
    loop.add(command(1));
    await Promise.resolve();
    await loop.stop();
    expect(steps()).toHaveLength(1);
    loop.add(command(2));
    await loop.idle();
    expect(steps()).toHaveLength(1);
  });
});
