import { expect, it } from 'vitest';
import type { FinishRecord } from '../../../src/engine/index.ts';
import { slowReason } from '../../../src/http/slow-reason.ts';

const finish = (
  [queuedMs, firstTokenMs, totalMs]: readonly [number, number, number],
  preemptionCount = 0,
): FinishRecord => ({
  id: 1,
  reason: 'stop',
  stopTokenId: null,
  errorCode: null,
  errorMessage: null,
  promptTokenCount: 1,
  cachedTokenCount: 0,
  completionTokenCount: 1,
  preemptionCount,
  queuedMs,
  firstTokenMs,
  totalMs,
});

it.each([
  ['queue', finish([60, 80, 100])],
  ['prefill', finish([10, 80, 100])],
  ['decode', finish([10, 20, 100])],
  ['preempted', finish([60, 80, 100], 1)],
] as const)('%s is what took longest', (reason, record) => {
  expect(slowReason([record]).reason).toBe(reason);
});

it('looks at the longest sequence', () => {
  expect(slowReason([finish([60, 80, 100]), finish([10, 20, 200])])).toEqual({
    reason: 'decode',
    queueMs: 10,
    prefillMs: 10,
    decodeMs: 180,
    preemptions: 0,
  });
  expect(slowReason([]).reason).toBe('unfinished');
});
