import { describe, expect, it } from 'vitest';
import type { EngineStats, FinishRecord, TokenLogprobs } from '../../../src/engine/index.ts';
import { OpenSequences, type StepMessage } from '../../../src/engine/open-sequences.ts';
import { commandFor, RecordingListener } from '../../support/engine-fixtures.ts';

const NO_STATS = {} as EngineStats;

const step = (fields: Partial<StepMessage>): StepMessage => ({
  kind: 'step',
  starts: [],
  tokens: new Int32Array(),
  logprobs: [],
  promptLogprobs: [],
  finishes: [],
  stats: NO_STATS,
  ...fields,
});

const logprob = (id: number, value: number): TokenLogprobs => ({
  id,
  logprob: value,
  topIds: new Int32Array(),
  topLogprobs: new Float32Array(),
});

const finishOf = (id: number): FinishRecord => ({
  id,
  reason: 'length',
  stopTokenId: null,
  errorCode: null,
  errorMessage: null,
  promptTokenCount: 2,
  cachedTokenCount: 0,
  completionTokenCount: 1,
  preemptionCount: 0,
  queuedMs: 0,
  firstTokenMs: 0,
  totalMs: 0,
});

/** Sequences 1..n under a clock that the test moves. */
function openSequences(count: number) {
  const clock = { ms: 0 };
  const errors: unknown[] = [];
  const sequences = new OpenSequences(
    () => clock.ms,
    (error) => errors.push(error),
  );
  const listeners = Array.from({ length: count }, () => new RecordingListener());
  listeners.forEach((listener, index) => {
    sequences.add(index + 1, commandFor([7, 8]), listener);
  });
  return { clock, errors, sequences, listeners };
}

describe('a step message', () => {
  it('gives log-probabilities to their tokens, also past sequences that have ended', () => {
    const { sequences, listeners } = openSequences(3);
    sequences.end(1, { reason: 'abort', code: null, message: null });
    sequences.dispatch(
      step({
        tokens: Int32Array.of(1, 10, 2, 20, 3, 30),
        logprobs: [logprob(1, -1), logprob(3, -3)],
      }),
    );
    expect(listeners.map(({ tokens }) => tokens)).toEqual([[], [20], [30]]);
    expect(listeners.map(({ logprobs }) => logprobs[0]?.logprob)).toEqual([
      undefined,
      undefined,
      -3,
    ]);
  });

  it('brings prompt log-probabilities before tokens, and the finish last', () => {
    const { sequences, listeners } = openSequences(1);
    const order: string[] = [];
    sequences.add(9, commandFor([7]), {
      onPromptLogprobs: () => order.push('prompt'),
      onToken: () => order.push('token'),
      onFinish: () => order.push('finish'),
    });
    sequences.dispatch(
      step({
        tokens: Int32Array.of(9, 1),
        promptLogprobs: [{ id: 9, tokens: [logprob(9, -1)] }],
        finishes: [finishOf(9)],
      }),
    );
    expect(order).toEqual(['prompt', 'token', 'finish']);
    expect(sequences.size).toBe(1);
    expect(listeners[0]?.finishes).toEqual([]);
  });

  it('ends a sequence once, however often it is told to', () => {
    const { sequences, listeners } = openSequences(1);
    sequences.dispatch(step({ finishes: [finishOf(1), finishOf(1)] }));
    sequences.end(1, { reason: 'abort', code: null, message: null });
    sequences.dispatch(step({ tokens: Int32Array.of(1, 5), finishes: [finishOf(1)] }));
    expect(listeners[0]?.finishes).toHaveLength(1);
    expect(listeners[0]?.tokens).toEqual([]);
  });

  it('goes on when listeners throw, whatever they are told', () => {
    const { sequences, errors, listeners } = openSequences(1);
    const fail = (): never => {
      throw new Error('broken');
    };
    sequences.add(9, commandFor([7]), { onPromptLogprobs: fail, onToken: fail, onFinish: fail });
    sequences.dispatch(
      step({
        tokens: Int32Array.of(9, 1, 1, 2),
        promptLogprobs: [{ id: 9, tokens: [] }],
        finishes: [finishOf(9), finishOf(1)],
      }),
    );
    expect(errors).toHaveLength(3);
    expect(listeners[0]?.tokens).toEqual([2]);
    expect(sequences.size).toBe(0);
  });
});

describe('an end from this side', () => {
  it('carries what is known: prompt, tokens so far, queue time, cached tokens, times', () => {
    const { clock, sequences, listeners } = openSequences(2);
    sequences.dispatch(step({ starts: [{ id: 1, queuedMs: 4, cachedTokenCount: 1 }] }));
    clock.ms = 10;
    sequences.dispatch(step({ tokens: Int32Array.of(1, 5) }));
    clock.ms = 30;
    sequences.endAll({ reason: 'error', code: 'ETAP_ERR_ENGINE_LOST', message: 'gone' });
    expect(listeners[0]?.finishes[0]).toMatchObject({
      reason: 'error',
      errorCode: 'ETAP_ERR_ENGINE_LOST',
      errorMessage: 'gone',
      promptTokenCount: 2,
      cachedTokenCount: 1,
      completionTokenCount: 1,
      queuedMs: 4,
      firstTokenMs: 10,
      totalMs: 30,
    });
    expect(listeners[1]?.finishes[0]).toMatchObject({
      completionTokenCount: 0,
      queuedMs: 30,
      firstTokenMs: 30,
      totalMs: 30,
    });
  });
});
