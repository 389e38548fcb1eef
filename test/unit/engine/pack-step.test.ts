import { describe, expect, it } from 'vitest';
import { packStep } from '../../../src/engine/pack-step.ts';
import type { StepBatch } from '../../../src/executor/index.ts';
import type { PlanRow, StepPlan } from '../../../src/scheduler/index.ts';

const NONE: ReadonlySet<number> = new Set();

const batchOf = (sequences: number, tokens: number, deltas: number): StepBatch => ({
  stepIndex: 0,
  sequenceCount: 9,
  tokenCount: 9,
  deltaCount: 9,
  sequences: new Int32Array(sequences * 8),
  tokens: new Int32Array(tokens),
  blockDeltas: new Int32Array(deltas * 3),
  masks: new Int32Array(0),
});

const row = (slot: number, changes: Partial<PlanRow> = {}): PlanRow => ({
  sequenceId: slot + 10,
  slot,
  epoch: slot + 100,
  promptTokenCount: 66,
  contextBefore: 64,
  queryLength: 2,
  sample: false,
  promptLogprobs: false,
  tokens: Int32Array.from({ length: 70 }, (_, i) => slot * 1000 + i),
  blocks: Int32Array.of(7, 8, 9, 0),
  newBlockFrom: 1,
  newBlockTo: 3,
  ...changes,
});

const planOf = (...rows: readonly PlanRow[]): StepPlan => ({
  stepIndex: 5,
  releases: [],
  admissions: [],
  firstSteps: [],
  rows,
  decodeTokenCount: 0,
  prefillTokenCount: 0,
});

describe('packStep', () => {
  it('flattens rows one after another', () => {
    const batch = batchOf(2, 10, 4);
    const second = row(3, { sample: true, promptLogprobs: true, newBlockTo: 1, queryLength: 1 });
    packStep(planOf(row(1), second), batch, NONE);
    expect(batch).toMatchObject({ stepIndex: 5, sequenceCount: 2, tokenCount: 3, deltaCount: 2 });
    expect([...batch.sequences]).toEqual([
      ...[1, 101, 64, 2, 0, -1, 0, 0],
      ...[3, 103, 64, 1, 1, -1, 2, 1],
    ]);
    expect([...batch.tokens.subarray(0, 3)]).toEqual([1064, 1065, 3064]);
    expect([...batch.blockDeltas.subarray(0, 6)]).toEqual([1, 1, 8, 1, 2, 9]);
  });

  it('leaves refused slots out', () => {
    const batch = batchOf(2, 10, 4);
    packStep(planOf(row(1), row(3)), batch, new Set([1]));
    expect(batch).toMatchObject({ sequenceCount: 1, tokenCount: 2, deltaCount: 2 });
    expect([...batch.sequences.subarray(0, 8)]).toEqual([3, 103, 64, 2, 0, -1, 0, 0]);
  });

  it('does not write past the arena', () => {
    const plan = planOf(row(1), row(3));
    expect(() => packStep(plan, batchOf(1, 10, 4), NONE)).toThrow('sequences');
    expect(() => packStep(plan, batchOf(2, 3, 4), NONE)).toThrow('tokens');
    expect(() => packStep(plan, batchOf(2, 10, 3), NONE)).toThrow('blockDeltas');
  });
});
