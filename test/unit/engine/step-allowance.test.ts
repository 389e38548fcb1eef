import { describe, expect, it } from 'vitest';
import { StepAllowance } from '../../../src/engine/step-allowance.ts';

describe('the time that a step may take', () => {
  it('is the configured deadline while steps are fast', () => {
    const allowance = new StepAllowance(30_000);
    expect(allowance.of(512)).toBe(30_000);
    allowance.observe(512, 900);
    expect(allowance.of(1)).toBe(30_000);
    expect(allowance.of(512)).toBe(30_000);
  });

  it('is twice the longest step seen where that is more', () => {
    const allowance = new StepAllowance(30_000);
    allowance.observe(64, 20_000);
    expect(allowance.of(64)).toBe(40_000);
    expect(allowance.of(1)).toBe(40_000);
  });

  it('lets the first prefill on a slow machine take what its tokens took one by one', () => {
    const allowance = new StepAllowance(30_000);
    allowance.observe(1, 1500); // the canary
    expect(allowance.of(1)).toBe(30_000);
    expect(allowance.of(64)).toBe(2 * 64 * 1500);
  });

  it('forgets a single stall in time', () => {
    const allowance = new StepAllowance(1000);
    allowance.observe(1, 600_000);
    for (let step = 0; step < 10_000; step++) allowance.observe(1, 10);
    expect(allowance.of(1)).toBe(1000);
  });
});
