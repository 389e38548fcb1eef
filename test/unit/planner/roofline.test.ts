import { describe, expect, it } from 'vitest';
import {
  DEEPSEEK_V3,
  H20_NODE,
  type StepFloor,
  stepFloorMicros,
} from '../../../src/planner/index.ts';

/** Floor of a decode step of B sequences with equal contexts, in ms. */
function decode(batch: number, context: number): StepFloor {
  const step = { newTokens: batch, decodeContext: batch * context, prefillPairs: 0 };
  return stepFloorMicros(DEEPSEEK_V3, H20_NODE, { ...step, prefillContext: 0 });
}

describe('stepFloorMicros', () => {
  // DeepSeek-R1 in FP8 on 8 x H20, computed by hand: ms for projections, experts, attention,
  // all-reduce and all together.
  it.each([
    [1, 4096, 0.82, 0.64, 0.07, 0.77, 3.8],
    [16, 4096, 0.82, 8.14, 1.15, 1.18, 12.8],
    [64, 4096, 1.41, 17.8, 4.61, 1.55, 26.8],
    [256, 4096, 5.67, 20.4, 18.4, 2.86, 48.9],
    [16, 16_384, 0.82, 8.14, 4.61, 1.18, 16.2],
    [64, 65_536, 1.41, 17.8, 73.7, 1.55, 96],
  ])('%i sequences of %i tokens', (batch, context, ...expected) => {
    const { projections, experts, attention, allReduce, total } = decode(batch, context);
    const parts = [projections, experts, attention, allReduce, total];
    for (const [i, micros] of parts.entries()) {
      expect(Math.abs(micros / 1000 / (expected[i] ?? 0) - 1)).toBeLessThan(0.03);
    }
  });

  it('counts prompts by pairs and by what they expand', () => {
    const step = { newTokens: 2048, decodeContext: 0, prefillPairs: 0, prefillContext: 0 };
    const alone = stepFloorMicros(DEEPSEEK_V3, H20_NODE, step).attention;
    const prompt = { ...step, prefillPairs: 2048 * 1024, prefillContext: 2048 };
    const floor = stepFloorMicros(DEEPSEEK_V3, H20_NODE, prompt);
    expect(alone).toBe(0);
    // 61 layers * (2.1e6 pairs * 10,240 FLOP + 2048 tokens * 4.2e6 FLOP) / 148 TFLOPS
    expect(floor.attention / 1000).toBeCloseTo(12.39, 1);
  });

  it('needs no all-reduce on one GPU, and knows models without a query bottleneck', () => {
    const single = { ...H20_NODE, gpuCount: 1 };
    const step = { newTokens: 1, decodeContext: 1, prefillPairs: 0, prefillContext: 0 };
    expect(stepFloorMicros(DEEPSEEK_V3, single, step).allReduce).toBe(0);
    const direct = { ...DEEPSEEK_V3, qLoraRank: null };
    const more = stepFloorMicros(direct, single, step).projections;
    expect(more).toBeGreaterThan(stepFloorMicros(DEEPSEEK_V3, single, step).projections);
  });
});
