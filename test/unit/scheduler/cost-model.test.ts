import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CostModel, type StepLoad } from '../../../src/scheduler/cost-model.ts';
import { solveSymmetric } from '../../../src/scheduler/solve.ts';

const load = (newTokens: number, decodeContext = 0, prefillPairs = 0): StepLoad => ({
  newTokens,
  decodeContext,
  prefillPairs,
});

describe('CostModel', () => {
  it('starts from 512 tokens in the target time', () => {
    const model = new CostModel(60);
    expect(model.predictMs(load(512))).toBeCloseTo(60);
    expect([model.perTokenMs, model.perPairMs]).toEqual([60 / 512, 0]);
  });

  it('finds the coefficients of a machine', () => {
    const truth = (one: StepLoad) =>
      8 + one.newTokens * 0.05 + one.decodeContext * 2e-5 + one.prefillPairs * 4e-6;
    const model = new CostModel(60);
    for (let i = 0; i < 400; i++) {
      const one = load(1 + ((i * 37) % 600), (i * 7919) % 200_000, (i * 104_729) % 2_000_000);
      model.observe(one, truth(one));
    }
    for (const one of [load(1), load(1000), load(64, 100_000), load(500, 0, 1_000_000)]) {
      expect(Math.abs(model.predictMs(one) / truth(one) - 1)).toBeLessThan(0.05);
    }
  });

  it('follows a machine that changes', () => {
    const model = new CostModel(60);
    for (let i = 0; i < 300; i++) model.observe(load(1 + (i % 200)), 10);
    for (let i = 0; i < 2000; i++) model.observe(load(1 + (i % 200)), 30);
    expect(model.predictMs(load(100))).toBeGreaterThan(25);
  });

  it('is not misled by a single long step', () => {
    const model = new CostModel(60);
    for (let i = 0; i < 300; i++) model.observe(load(1 + (i % 200)), 10);
    model.observe(load(50), 60_000);
    expect(model.predictMs(load(50))).toBeLessThan(12);
  });

  it('never predicts less for more', () => {
    const loads = fc.record({
      newTokens: fc.integer({ min: 1, max: 8192 }),
      decodeContext: fc.integer({ min: 0, max: 2 ** 20 }),
      prefillPairs: fc.integer({ min: 0, max: 2 ** 28 }),
    });
    const steps = fc.array(fc.tuple(loads, fc.double({ min: 0, max: 1e4, noNaN: true })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, loads, (observed, one) => {
        const model = new CostModel(60);
        for (const [each, ms] of observed) model.observe(each, ms);
        const ms = model.predictMs(one);
        expect(Number.isFinite(ms) && ms >= 0).toBe(true);
        const more = { ...one, newTokens: one.newTokens + 1, prefillPairs: one.prefillPairs + 9 };
        expect(model.predictMs(more)).toBeGreaterThanOrEqual(ms);
      }),
    );
  });
});

describe('solveSymmetric', () => {
  it('solves', () => {
    const system = { matrix: Float64Array.of(4, 2, 2, 3), right: Float64Array.of(10, 8) };
    const [x, y] = solveSymmetric(system);
    expect(x).toBeCloseTo(1.75);
    expect(y).toBeCloseTo(1.5);
  });
});
