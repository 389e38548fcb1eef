import { describe, expect, it } from 'vitest';
import { EtapError } from '../../../src/errors.ts';
import { rowsOf, SchedulerDriver, spec, text } from '../../support/scheduler-driver.ts';
import { GREEDY } from '../../support/step-driver.ts';

describe('life of a sequence', () => {
  it('computes the prompt, then decodes to its length', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1, { maxTokens: 3 }));
    expect(rowsOf(driver.step())).toEqual(['1:100']);
    expect(rowsOf(driver.step())).toEqual(['1:1']);
    expect(driver.finishes).toEqual([]);
    driver.step();
    expect(driver.finishes).toEqual([
      {
        id: 1,
        reason: 'length',
        stopTokenId: null,
        errorCode: null,
        errorMessage: null,
        promptTokenCount: 100,
        cachedTokenCount: 0,
        completionTokenCount: 3,
        preemptionCount: 0,
        queuedMs: 0,
        firstTokenMs: 1,
        totalMs: 3,
      },
    ]);
    expect(driver.scheduler.hasWork).toBe(true);
    expect(driver.step()).toMatchObject({ rows: [], releases: [0] });
    expect(driver.scheduler.hasWork).toBe(false);
    expect(driver.scheduler.stats()).toMatchObject({ blocksUsed: 0, blocksCached: 1 });
  });

  it('ends at a stop token, which it counts but does not send', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1, { stopTokenIds: [9] }));
    driver.step();
    const plan = driver.scheduler.schedule(1);
    const outcome = { tokens: Int32Array.of(9), finite: Int32Array.of(1), stepMicros: 1 };
    expect(plan.rows).toHaveLength(1);
    expect(driver.scheduler.apply(outcome, 2).tokens).toHaveLength(0);
    expect(driver.scheduler.takeFinishes()).toMatchObject([
      { reason: 'stop', stopTokenId: 9, completionTokenCount: 2 },
    ]);
  });

  it('takes a stop token before minTokens for a token like others', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1, { stopTokenIds: [7], minTokens: 4 }));
    driver.toEnd();
    expect(driver.finishes).toMatchObject([{ reason: 'stop', completionTokenCount: 5 }]);
  });

  it('ends at the longest context the model or the pool holds', () => {
    const model = new SchedulerDriver({ maxModelLen: 105 });
    model.add(spec(1));
    model.toEnd();
    expect(model.finishes).toMatchObject([{ reason: 'length', completionTokenCount: 5 }]);
    const pool = new SchedulerDriver({ blockCount: 3 });
    pool.add(spec(1, { maxTokens: 1000 }));
    pool.toEnd();
    expect(pool.scheduler.sequenceTokensMax).toBe(128);
    expect(pool.finishes).toMatchObject([{ reason: 'length', completionTokenCount: 28 }]);
  });

  it('ends a row that is not finite alone, and distrusts its blocks', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1), spec(2));
    driver.step();
    driver.step((id) => (id === 1 ? null : 7));
    expect(driver.finishes).toMatchObject([{ id: 1, errorCode: 'ETAP_ERR_NAN_LOGITS' }]);
    driver.add(spec(3, { promptTokens: text(1, 100) }), spec(4, { promptTokens: text(2, 100) }));
    driver.toEnd();
    const cached = driver.finishes.map(({ id, cachedTokenCount }) => [id, cachedTokenCount]);
    expect(cached.sort()).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 64],
    ]);
    expect(driver.scheduler.stats().nanRowCount).toBe(1);
  });

  it('refuses what can never be computed, at once', () => {
    const driver = new SchedulerDriver({ maxModelLen: 1000, blockCount: 9, queueCapacity: 2 });
    driver.add(
      spec(1, { promptTokens: text(1, 1000) }),
      spec(2, { promptTokens: text(1, 512) }),
      spec(3, { promptTokens: text(1, 0) }),
      spec(4, { maxTokens: 0 }),
      spec(5, { maxTokens: Number.NaN }),
      spec(6, { priority: 8 }),
      spec(7),
      spec(8),
      spec(9),
    );
    const refused = driver.scheduler.takeFinishes().map(({ id, errorCode }) => [id, errorCode]);
    expect(refused).toEqual([
      [1, 'ETAP_ERR_CONTEXT_LENGTH'],
      [2, 'ETAP_ERR_UNSCHEDULABLE'],
      [3, 'ETAP_ERR_INVALID_REQUEST'],
      [4, 'ETAP_ERR_INVALID_REQUEST'],
      [5, 'ETAP_ERR_INVALID_REQUEST'],
      [6, 'ETAP_ERR_INVALID_REQUEST'],
      [9, 'ETAP_ERR_QUEUE_FULL'],
    ]);
    driver.toEnd();
    expect(driver.finishes.map(({ id }) => id)).toEqual([7, 8]);
  });

  it('aborts sequences that wait, run, are in flight, or are gone', () => {
    const driver = new SchedulerDriver({ maxSequences: 1 });
    driver.add(spec(1), spec(2), spec(3));
    driver.step();
    driver.scheduler.abort(2, driver.nowMs);
    const plan = driver.scheduler.schedule(driver.nowMs);
    driver.scheduler.abort(1, driver.nowMs);
    driver.scheduler.abort(1, driver.nowMs);
    driver.scheduler.abort(99, driver.nowMs);
    expect(driver.scheduler.view().running).toMatchObject([{ id: 1, status: 'finished' }]);
    const outcome = { tokens: Int32Array.of(7), finite: Int32Array.of(1), stepMicros: 1 };
    expect(driver.scheduler.apply(outcome, driver.nowMs).tokens).toHaveLength(0);
    expect(plan.rows).toHaveLength(1);
    driver.toEnd();
    expect(driver.finishes.map(({ id, reason }) => [id, reason])).toEqual([
      [2, 'abort'],
      [1, 'abort'],
      [3, 'length'],
    ]);
  });

  it('ends everything when the executor is lost', () => {
    const driver = new SchedulerDriver({ maxSequences: 1 });
    const error = new EtapError('ETAP_ERR_STEP_FAILED', 'lost');
    driver.add(spec(1), spec(2), spec(3));
    driver.scheduler.schedule(0);
    driver.scheduler.abort(1, 0);
    driver.scheduler.failAll(error, 0);
    const ends = driver.scheduler.takeFinishes();
    expect(ends.map(({ id, errorCode }) => [id, errorCode])).toEqual([
      [1, null],
      [2, 'ETAP_ERR_STEP_FAILED'],
      [3, 'ETAP_ERR_STEP_FAILED'],
    ]);
    expect(driver.scheduler.stats()).toMatchObject({ blocksUsed: 0, runningCount: 0 });
    driver.scheduler.failAll(error, 0);
    driver.scheduler.refuse(1, error, 0);
    expect(driver.scheduler.takeFinishes()).toEqual([]);
  });

  it('leaves a refused row out of the outcome', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1), spec(2), spec(3));
    const plan = driver.scheduler.schedule(0);
    const slot = plan.rows[1]?.slot ?? -1;
    driver.scheduler.refuse(2, new EtapError('ETAP_ERR_INVALID_REQUEST', 'no'), 0);
    const outcome = { tokens: Int32Array.of(11, 33), finite: Int32Array.of(1, 1), stepMicros: 1 };
    const effects = driver.scheduler.apply(outcome, 1, new Set([slot]));
    expect([...effects.tokens]).toEqual([1, 11, 3, 33]);
    expect([...effects.rows]).toEqual([0, 1]);
    expect(driver.step().releases).toEqual([]);
  });

  it('asserts how it is used', () => {
    const driver = new SchedulerDriver();
    const outcome = { tokens: Int32Array.of(-1), finite: Int32Array.of(1), stepMicros: 1 };
    expect(() => driver.scheduler.apply(outcome, 0)).toThrow('No step is in flight');
    driver.add(spec(1));
    expect(() => driver.add(spec(1))).toThrow('Sequence id 1 is already in use');
    driver.scheduler.schedule(0);
    expect(() => driver.scheduler.schedule(0)).toThrow('was not applied yet');
    expect(() => driver.scheduler.apply(outcome, 0)).toThrow('No token was sampled');
  });

  it('keeps its time when the clock is set back', () => {
    const driver = new SchedulerDriver();
    driver.nowMs = 1000;
    driver.add(spec(1, { maxTokens: 1 }));
    driver.nowMs = -5000;
    driver.step();
    expect(driver.finishes).toMatchObject([{ queuedMs: 0, firstTokenMs: 0, totalMs: 0 }]);
  });

  it('plans the same for the same calls', () => {
    const run = () => {
      const driver = new SchedulerDriver({ blockCount: 9, watermarkRatio: -1 });
      for (let id = 1; id <= 12; id++) driver.add(spec(id, { maxTokens: id * 10 }));
      return driver.toEnd();
    };
    expect(run()).toEqual(run());
  });
});

describe('steps', () => {
  it('places decode rows before prefill rows', () => {
    const driver = new SchedulerDriver({ fixedPrefillTokens: 64 });
    driver.add(spec(1, { promptTokens: text(1, 64) }));
    driver.step();
    driver.add(spec(2, { promptTokens: text(2, 150) }));
    expect(rowsOf(driver.step())).toEqual(['1:1', '2:64']);
    expect(rowsOf(driver.step())).toEqual(['1:1', '2:64']);
    expect(rowsOf(driver.step())).toEqual(['1:1', '2:22']);
    expect(rowsOf(driver.step())).toEqual(['1:1', '2:1']);
  });

  it('computes at most two prompts in parts at a time, but lets short ones pass', () => {
    const driver = new SchedulerDriver({ fixedPrefillTokens: 256, maxSequences: 8 });
    for (const id of [1, 2, 3]) driver.add(spec(id, { promptTokens: text(id, 1000) }));
    driver.add(spec(4, { promptTokens: text(4, 50) }), spec(5, { promptTokens: text(5, 600) }));
    driver.step();
    expect(driver.running).toEqual([1, 2, 4]);
    expect(driver.scheduler.stats()).toMatchObject({ blockedReason: 'budget', waitingCount: 2 });
    driver.toEnd();
    expect(driver.finishes.map(({ id }) => id)).toEqual([4, 1, 2, 5, 3]);
  });

  it('lets none pass for whom there is no slot or no block', () => {
    const slots = new SchedulerDriver({ fixedPrefillTokens: 256, maxSequences: 2 });
    for (const id of [1, 2, 3]) slots.add(spec(id, { promptTokens: text(id, 1000) }));
    slots.add(spec(4, { promptTokens: text(4, 10) }));
    slots.step();
    expect(slots.running).toEqual([1, 2]);
    const blocks = new SchedulerDriver({
      fixedPrefillTokens: 256,
      partialPrefillsMax: 1,
      blockCount: 18,
    });
    blocks.add(spec(1, { promptTokens: text(1, 1000) }));
    blocks.step();
    // The head may not be begun, the next would fit the budget but not the blocks.
    blocks.add(spec(2, { promptTokens: text(2, 900) }));
    blocks.add(spec(3, { promptTokens: text(3, 100) }));
    blocks.step();
    expect(blocks.running).toEqual([1]);
    expect(blocks.scheduler.stats().blockedReason).toBe('budget');
  });

  it('begins no prompt with less than a block', () => {
    const driver = new SchedulerDriver({ fixedPrefillTokens: 128, maxSequences: 8 });
    driver.add(spec(1, { promptTokens: text(1, 90) }), spec(2, { promptTokens: text(2, 500) }));
    expect(rowsOf(driver.step())).toEqual(['1:90']);
    expect([driver.running, driver.scheduler.stats().blockedReason]).toEqual([[1], 'budget']);
    expect(rowsOf(driver.step())).toEqual(['1:1', '2:128']);
  });

  it('shares the budget between long and short prompts', () => {
    const driver = new SchedulerDriver({ fixedPrefillTokens: 128, maxSequences: 64 });
    driver.add(spec(1, { promptTokens: text(1, 1000) }));
    driver.step();
    for (let id = 2; id < 60; id++) driver.add(spec(id, { promptTokens: text(id, 40) }));
    const lengths = Array.from({ length: 10 }, () => {
      const { rows } = driver.step();
      return rows.find(({ sequenceId }) => sequenceId === 1)?.queryLength;
    });
    expect(lengths.every((length) => length === 64)).toBe(true);
  });

  it('takes turns where the budget is one block', () => {
    const driver = new SchedulerDriver({ fixedPrefillTokens: 64, maxSequences: 64 });
    driver.add(spec(1, { promptTokens: text(1, 1000) }));
    driver.step();
    for (let id = 2; id < 60; id++) driver.add(spec(id, { promptTokens: text(id, 60) }));
    const longRows = Array.from({ length: 10 }, () =>
      driver.step().rows.some(({ sequenceId, queryLength }) => sequenceId === 1 && queryLength > 0),
    );
    expect(longRows).toEqual([false, true, false, true, false, true, false, true, false, true]);
  });

  it('gives every prefill a chunk in time', () => {
    const driver = new SchedulerDriver({ fixedPrefillTokens: 64, partialPrefillsMax: 3 });
    for (const id of [1, 2, 3]) driver.add(spec(id, { promptTokens: text(id, 1200 + id) }));
    const last = new Map([1, 2, 3].map((id) => [id, 0]));
    for (let step = 1; step < 50; step++) {
      for (const { sequenceId } of driver.step().rows) last.set(sequenceId, step);
      for (const id of driver.running) expect(step - (last.get(id) ?? 0)).toBeLessThanOrEqual(11);
    }
  });

  it('aims at the target time as it learns what steps cost', () => {
    const stepMs = (tokens: number) => 5 + tokens * 0.1;
    const driver = new SchedulerDriver({
      targetStepMs: 30,
      targetPrefillStepMs: 100,
      prefillTokensMin: 64,
      stepMicros: ({ decodeTokenCount, prefillTokenCount }) =>
        stepMs(decodeTokenCount + prefillTokenCount) * 1000,
    });
    driver.add(spec(1, { promptTokens: text(1, 3000) }));
    const idle = driver.toEnd().map((plan) => plan.prefillTokenCount);
    // (100 - 5) / 0.1 = 950 tokens fit once that is known, 896 of them in whole blocks.
    expect(idle.slice(0, 3)).toEqual([1664, 896, 440]);
    driver.add(spec(2, { maxTokens: 200 }));
    driver.step();
    driver.add(spec(3, { promptTokens: text(3, 2000) }));
    const beside = Array.from({ length: 5 }, () => driver.step().prefillTokenCount);
    expect(beside.slice(0, 5)).toEqual([192, 192, 192, 192, 192]);
  });

  it('reports what it did', () => {
    const driver = new SchedulerDriver({ maxSequences: 1 });
    driver.add(spec(1, { maxTokens: 2 }), spec(2, { maxTokens: 2 }));
    driver.step();
    expect(driver.scheduler.stats()).toMatchObject({
      runningCount: 1,
      waitingCount: 1,
      blocksTotal: 64,
      blocksFree: 62,
      blocksUsed: 2,
      prefillTokens: 100,
      stepPrefillTokens: 100,
      oldestWaitMs: 1,
      blockedReason: 'slots',
    });
    driver.toEnd();
    expect(driver.scheduler.stats()).toMatchObject({
      prefillTokens: 200,
      decodeTokens: 2,
      stepCount: 4,
      oldestWaitMs: 0,
      blockedReason: 'none',
    });
  });
});

describe('prefix cache', () => {
  it('spares what was computed before', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1, { promptTokens: text(1, 200) }));
    driver.toEnd();
    driver.add(spec(2, { promptTokens: text(1, 200) }));
    expect(rowsOf(driver.step())).toEqual(['2:8']);
    driver.toEnd();
    expect(driver.finishes[1]?.cachedTokenCount).toBe(192);
    driver.add(spec(3, { promptTokens: text(1, 192) }));
    expect(rowsOf(driver.step())).toEqual(['3:64']);
    driver.scheduler.abort(3, driver.nowMs);
    driver.toEnd();
    driver.scheduler.flushPrefixCache();
    driver.add(spec(4, { promptTokens: text(1, 200) }));
    expect(rowsOf(driver.step())).toEqual(['4:200']);
    expect(driver.scheduler.stats()).toMatchObject({ prefixHitTokens: 320 });
  });

  it('shares generated tokens outside strict mode only', () => {
    for (const strict of [true, false]) {
      const driver = new SchedulerDriver({ strict });
      driver.add(spec(1, { promptTokens: text(1, 64), maxTokens: 100 }));
      driver.toEnd();
      const answer = new Int32Array(100).fill(7);
      driver.add(spec(2, { promptTokens: Int32Array.of(...text(1, 64), ...answer) }));
      driver.toEnd();
      expect(driver.finishes[1]?.cachedTokenCount).toBe(strict ? 64 : 128);
    }
  });

  it('keeps salts apart', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1, { cacheSalt: 'a' }));
    driver.toEnd();
    driver.add(spec(2, { cacheSalt: 'b', promptTokens: text(1, 100) }));
    driver.toEnd();
    expect(driver.finishes[1]?.cachedTokenCount).toBe(0);
  });

  it('computes a prompt whose log-probabilities are wanted', () => {
    const driver = new SchedulerDriver();
    driver.add(spec(1));
    driver.toEnd();
    const sampling = { ...GREEDY, promptLogprobs: 0 };
    driver.add(spec(2, { promptTokens: text(1, 100), sampling }));
    const plan = driver.step();
    expect(plan.rows).toMatchObject([{ queryLength: 100, promptLogprobs: true }]);
    expect(driver.step().rows).toMatchObject([{ promptLogprobs: false }]);
  });

  it('waits for a neighbour that is computing the same prefix', () => {
    const driver = new SchedulerDriver({ fixedPrefillTokens: 128 });
    driver.add(spec(1, { promptTokens: text(1, 400) }), spec(2, { promptTokens: text(1, 350) }));
    driver.step();
    expect(driver.running).toEqual([1]);
    expect(driver.scheduler.stats()).toMatchObject({ waitingCount: 1, oldestWaitMs: 1 });
    driver.step();
    expect(driver.running).toEqual([1]);
    driver.step();
    expect(rowsOf(driver.step())).toEqual(['1:16', '2:30']);
    driver.toEnd();
    expect(driver.finishes.find(({ id }) => id === 2)?.cachedTokenCount).toBe(320);
  });

  it('does not wait for ever, nor for one that is gone', () => {
    const limited = new SchedulerDriver({ fixedPrefillTokens: 64, sharedPrefixWaitMsMax: 2 });
    limited.add(spec(1, { promptTokens: text(1, 640) }), spec(2, { promptTokens: text(1, 640) }));
    for (let i = 0; i < 3; i++) limited.step();
    expect(limited.running).toEqual([1, 2]);
    const left = new SchedulerDriver({ fixedPrefillTokens: 64 });
    left.add(spec(1, { promptTokens: text(1, 640) }), spec(2, { promptTokens: text(1, 640) }));
    left.step();
    left.scheduler.abort(1, left.nowMs);
    expect(rowsOf(left.step())).toEqual(['2:64']);
    left.add(spec(3, { promptTokens: text(1, 640) }));
    left.step();
    left.scheduler.abort(3, left.nowMs);
    left.toEnd();
    expect(left.finishes.map(({ id }) => id)).toEqual([1, 3, 2]);
  });
});

describe('preemption', () => {
  const tight = { blockCount: 8, watermarkRatio: -2, prefixCache: false };

  it('takes the blocks of the youngest with the least computed, never of the oldest', () => {
    const driver = new SchedulerDriver(tight);
    for (const id of [1, 2, 3]) driver.add(spec(id, { maxTokens: 150 }));
    const order: number[] = [];
    while (driver.finishes.length < 3) {
      driver.step();
      const { running } = driver.scheduler.view();
      for (const { id, preemptionCount } of driver.scheduler.view().waiting) {
        if (preemptionCount > order.filter((one) => one === id).length) order.push(id);
      }
      expect(running[0]?.id).toBe(driver.finishes.length === 0 ? 1 : running[0]?.id);
    }
    expect(new Set(order)).toEqual(new Set([3]));
    expect(driver.finishes.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(driver.scheduler.stats().recomputedTokens).toBeGreaterThan(100);
  });

  it('computes prompt and generated tokens in rows of their own afterwards', () => {
    const driver = new SchedulerDriver(tight);
    for (const id of [1, 2, 3]) driver.add(spec(id, { maxTokens: 150 }));
    const rows = driver.toEnd().flatMap((plan) => plan.rows);
    const third = rows.filter(({ sequenceId }) => sequenceId === 3);
    const again = third.findIndex(({ contextBefore }, i) => i > 0 && contextBefore === 0);
    const redone = third.slice(again).filter(({ queryLength }) => queryLength > 1);
    const ends = redone.map(({ contextBefore, queryLength }) => contextBefore + queryLength);
    expect(again).toBeGreaterThan(0);
    expect(ends).toContain(100);
    expect(redone.some(({ contextBefore }) => contextBefore === 100)).toBe(true);
    expect(redone.filter(({ sample }) => sample).map(({ contextBefore }) => contextBefore)).toEqual(
      redone.slice(-1).map(({ contextBefore }) => contextBefore),
    );
  });

  it('lets a higher priority take a slot', () => {
    const driver = new SchedulerDriver({ maxSequences: 2 });
    driver.add(spec(1, { maxTokens: 50 }), spec(2, { maxTokens: 50, priority: 5 }));
    driver.step();
    driver.add(spec(3, { priority: 0 }), spec(4, { priority: 5 }));
    driver.step();
    expect(driver.running).toEqual([3, 1]);
    driver.toEnd();
    expect(driver.finishes.map(({ id, preemptionCount }) => [id, preemptionCount])).toEqual([
      [3, 0],
      [1, 0],
      [4, 0],
      [2, 1],
    ]);
  });

  it('lets a higher priority take blocks, but only if that is of use', () => {
    const driver = new SchedulerDriver({ blockCount: 9, watermarkRatio: 0 });
    driver.add(
      spec(1, { promptTokens: text(1, 250), priority: 3 }),
      spec(2, { promptTokens: text(2, 60), maxTokens: 100, priority: 7 }),
    );
    driver.step();
    expect(driver.running).toEqual([1, 2]);
    driver.add(spec(3, { promptTokens: text(3, 400), priority: 2 }));
    driver.step();
    // The blocks of both would do, so the lower one goes first, then the other.
    expect(driver.running).toEqual([3]);
    driver.add(spec(4, { promptTokens: text(4, 400), priority: 2 }));
    driver.step();
    expect([driver.running, driver.scheduler.stats().blockedReason]).toEqual([[3], 'blocks']);
    driver.toEnd();
    expect(driver.finishes.map(({ id }) => id)).toEqual([3, 4, 1, 2]);
  });

  it('preempts nobody for a candidate that would not fit all the same', () => {
    const driver = new SchedulerDriver({ blockCount: 9, watermarkRatio: 0 });
    driver.add(
      spec(1, { promptTokens: text(1, 250), maxTokens: 30, priority: 2 }),
      spec(2, { promptTokens: text(2, 60), maxTokens: 60, priority: 7 }),
    );
    driver.step();
    driver.add(spec(3, { promptTokens: text(3, 400), priority: 3 }));
    driver.step();
    expect(driver.running).toEqual([1, 2]);
    expect(driver.scheduler.stats()).toMatchObject({ blockedReason: 'blocks', preemptionCount: 0 });
  });

  it('waits where the blocks of a victim are still held by others', () => {
    const driver = new SchedulerDriver({ blockCount: 16, watermarkRatio: 0 });
    driver.add(spec(1, { promptTokens: text(1, 320), priority: 5 }));
    driver.step();
    const longer = Int32Array.of(...text(1, 320), ...text(9, 10));
    driver.add(spec(2, { promptTokens: longer, priority: 0 }));
    driver.step();
    driver.add(spec(3, { promptTokens: text(3, 760), priority: 1 }));
    driver.step();
    expect([driver.running, driver.scheduler.stats().blockedReason]).toEqual([[2], 'blocks']);
    driver.toEnd();
    expect(driver.finishes.map(({ id }) => id)).toEqual([2, 3, 1]);
  });

  it('stops preempting a sequence after the limit', () => {
    const driver = new SchedulerDriver({ maxSequences: 1, preemptionsMax: 2 });
    driver.add(spec(1, { maxTokens: 100, priority: 7 }));
    for (let id = 2; id <= 6; id++) {
      driver.step();
      driver.add(spec(id, { priority: 0, maxTokens: 1 }));
      driver.step();
    }
    driver.toEnd();
    const first = driver.finishes.find(({ id }) => id === 1);
    expect(first).toMatchObject({ preemptionCount: 2, completionTokenCount: 100 });
    expect(driver.finishes.map(({ id }) => id)).toEqual([2, 3, 1, 4, 5, 6]);
  });

  it('reserves all that protected sequences may need', () => {
    const driver = new SchedulerDriver({ ...tight, preemptionsMax: 0, maxSequences: 8 });
    for (let id = 1; id <= 8; id++) driver.add(spec(id, { maxTokens: 100 }));
    driver.step();
    // Four blocks each, of seven.
    expect(driver.running).toEqual([1]);
    driver.toEnd();
    expect(driver.finishes.every(({ preemptionCount }) => preemptionCount === 0)).toBe(true);
  });

  it('gets the first rank on when the budget went to one without blocks', () => {
    const driver = new SchedulerDriver({ ...tight, blockCount: 13, fixedPrefillTokens: 64 });
    driver.add(spec(2, { promptTokens: text(2, 750) }));
    driver.step();
    driver.add(spec(1, { promptTokens: text(1, 750), priority: 0 }));
    const plans = driver.toEnd();
    expect(plans.slice(0, -1).every(({ rows }) => rows.length > 0)).toBe(true);
    expect(driver.finishes.map(({ id }) => id)).toEqual([1, 2]);
  });

  it('lets a protected sequence start beside others that still yield', () => {
    const driver = new SchedulerDriver({ maxSequences: 2, preemptionsMax: 1 });
    driver.add(spec(1, { maxTokens: 50 }), spec(2, { maxTokens: 50, priority: 5 }));
    driver.step();
    driver.add(spec(3, { priority: 0, maxTokens: 1 }));
    driver.step();
    driver.step();
    // Protected now, sequence 2 goes before the older one of a better class.
    expect(driver.running).toEqual([2, 1]);
  });

  it('goes ahead of new ones of its class afterwards', () => {
    const driver = new SchedulerDriver({ maxSequences: 1 });
    driver.add(spec(1), spec(2), spec(3));
    driver.step();
    driver.add(spec(4, { priority: 0, maxTokens: 1 }));
    driver.toEnd();
    expect(driver.finishes.map(({ id }) => id)).toEqual([4, 1, 2, 3]);
  });
});

describe('fair shares', () => {
  it('serves tenants in turn, whatever one of them asks', () => {
    const driver = new SchedulerDriver({ maxSequences: 1, fairQuantumTokens: 1 });
    for (let id = 1; id <= 6; id++) driver.add(spec(id, { tenant: 'busy' }));
    for (let id = 7; id <= 9; id++) driver.add(spec(id, { tenant: 'rare' }));
    driver.toEnd();
    expect(driver.finishes.map(({ id }) => id)).toEqual([1, 7, 2, 8, 3, 9, 4, 5, 6]);
  });

  it('counts tokens, not sequences', () => {
    const driver = new SchedulerDriver({ maxSequences: 1, fairQuantumTokens: 1 });
    for (let id = 1; id <= 3; id++) {
      driver.add(spec(id, { tenant: 'long', promptTokens: text(id, 430) }));
    }
    for (let id = 4; id <= 15; id++) driver.add(spec(id, { tenant: 'short' }));
    driver.toEnd();
    const order = driver.finishes.map(({ id }) => (id <= 3 ? 'L' : 's')).join('');
    // 440 tokens against 110 each.
    expect(order).toBe('sssLssssLssssLs');
  });
});
