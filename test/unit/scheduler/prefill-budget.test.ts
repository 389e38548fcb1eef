import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CostModel } from '../../../src/scheduler/cost-model.ts';
import { type SchedulerConfig, schedulerConfig } from '../../../src/scheduler/index.ts';
import { chunkTokens, PrefillBudget, prefillPairs } from '../../../src/scheduler/prefill-budget.ts';
import { FACTS } from '../../support/scheduler-driver.ts';
import { sequence } from '../../support/sequences.ts';

const NO_DECODES = { newTokens: 0, decodeContext: 0, prefillPairs: 0 };

function budget(changes: Partial<SchedulerConfig> = {}, model = new CostModel(60)) {
  return new PrefillBudget(schedulerConfig(FACTS, changes), model, NO_DECODES);
}

/** A machine with 2 ms a step, 10 us a token, 0.01 us a pair. */
function learned(): CostModel {
  const model = new CostModel(60);
  for (let i = 0; i < 3000; i++) {
    const newTokens = 1 + ((i * 37) % 2000);
    const pairs = (i * 104_729) % 20_000_000;
    const one = { newTokens, decodeContext: (i * 31) % 5000, prefillPairs: pairs };
    model.observe(one, 2 + newTokens * 0.01 + pairs * 1e-5);
  }
  return model;
}

describe('PrefillBudget', () => {
  it('spends tokens when they are fixed', () => {
    const fixed = budget({ fixedPrefillTokens: 200 });
    expect(fixed.tokensFor(0, 1000, 1)).toBe(200);
    expect(fixed.tokensFor(0, 1000, 0.5)).toBe(64);
    expect(fixed.tokensFor(0, 1000, 0)).toBe(0);
    fixed.spend(0, 150);
    expect([fixed.tokensFor(0, 1000, 1), fixed.tokensFor(0, 1000, 0.5)]).toEqual([50, 0]);
    expect(fixed.capacity(0, 1)).toBe(200);
  });

  it('spends time: less after a long context', () => {
    const timed = budget({ targetPrefillStepMs: 22, prefillTokensMin: 64 }, learned());
    const [short, long] = [timed.tokensFor(0, 10_000, 1), timed.tokensFor(4000, 10_000, 1)];
    // 0.01 n + 1e-5 n (c + n / 2) = 20
    expect(short).toBeGreaterThan(1200);
    expect(short).toBeLessThan(1280);
    expect(long).toBeGreaterThan(370);
    expect(long).toBeLessThan(410);
    timed.spend(0, short);
    expect(timed.tokensFor(0, 10_000, 1)).toBeLessThan(32);
  });

  it('lets a minimum through, and no more than a maximum', () => {
    const slow = budget({ targetPrefillStepMs: 1, prefillTokensMin: 128 });
    expect(slow.tokensFor(0, 1000, 1)).toBe(128);
    const late = budget({ targetPrefillStepMs: 1, prefillTokensMin: 128 }, learned());
    expect(late.tokensFor(0, 1000, 1)).toBe(128);
    const quick = budget({ targetPrefillStepMs: 100_000, prefillTokensMax: 512 });
    expect(quick.tokensFor(0, 1000, 1)).toBe(512);
    const free = new CostModel(60);
    for (let i = 0; i < 2000; i++) free.observe({ ...NO_DECODES, newTokens: 64 * (i % 9) }, 0);
    expect(budget({}, free).tokensFor(0, 5000, 1)).toBeGreaterThan(4000);
  });
});

describe('what was never measured', () => {
  const longSteps = {
    targetPrefillStepMs: 100_000,
    prefillTokensMin: 64,
    firstPrefillTokens: 64,
  };

  it('is begun with the least, whatever the prior says', () => {
    expect(budget(longSteps).tokensFor(0, 5000, 1)).toBe(64);
    const canary = new CostModel(60);
    canary.observe({ ...NO_DECODES, newTokens: 1 }, 0.5);
    expect(budget(longSteps, canary).tokensFor(0, 5000, 1)).toBe(64);
  });

  it('grows with what was', () => {
    const model = new CostModel(60);
    model.observe({ ...NO_DECODES, newTokens: 64 }, 1);
    expect(budget(longSteps, model).tokensFor(0, 5000, 1)).toBe(512);
    model.observe({ ...NO_DECODES, newTokens: 512 }, 4);
    expect(budget(longSteps, model).tokensFor(0, 5000, 1)).toBe(4096);
  });
});

describe('chunkTokens', () => {
  it('ends rows at blocks, at the end of the prompt and at the last token', () => {
    const one = sequence(1, { promptTokens: new Int32Array(150) });
    for (let i = 0; i < 100; i++) one.appendToken(7);
    const rows: number[] = [];
    for (one.committed = 0; one.committed < one.tokenCount; ) {
      const tokens = chunkTokens(one, 70);
      rows.push(tokens);
      one.committed += tokens;
    }
    expect(rows).toEqual([64, 64, 22, 42, 58]);
  });

  it('gets on with every allowance of a block or more', () => {
    fc.assert(
      fc.property(
        fc.nat(500),
        fc.nat(300),
        fc.nat(400),
        fc.nat(1000),
        (prompt, more, at, extra) => {
          const one = sequence(1, { promptTokens: new Int32Array(prompt + 1), maxTokens: 1000 });
          for (let i = 0; i < more; i++) one.appendToken(7);
          const aligned = Math.floor(at / 64) * 64;
          one.committed = Math.min(aligned, one.tokenCount - 1);
          if (one.committed !== aligned) one.committed = 0;
          const tokens = chunkTokens(one, 64 + extra);
          expect(tokens).toBeGreaterThan(0);
          expect(tokens).toBeLessThanOrEqual(64 + extra);
          expect(one.committed + tokens).toBeLessThanOrEqual(one.tokenCount);
        },
      ),
    );
    expect(chunkTokens(sequence(1), 0)).toBe(0);
  });

  it('counts pairs', () => {
    expect(prefillPairs(100, 10)).toBe(1050);
  });
});
