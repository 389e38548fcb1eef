import { describe, expect, it } from 'vitest';
import { realTime, rooflineCost, VirtualClock } from '../../../src/executor/index.ts';

describe('simulated time', () => {
  it('passes at once on a virtual clock', async () => {
    const clock = new VirtualClock();
    await clock.pass(2_500_000);
    await clock.pass(500);
    expect(clock.nowMs).toBe(2500.5);
  });

  it('gives way to other events in real time, however short', async () => {
    for (const micros of [0, 2000]) {
      let seen = false;
      setImmediate(() => {
        seen = true;
      });
      await realTime()(micros);
      expect(seen).toBe(true);
    }
  });

  it('costs what DeepSeek-V3 takes at least on eight H20', () => {
    const shape = { newTokens: 64, decodeContext: 64 * 4096, prefillPairs: 0, prefillContext: 0 };
    expect(rooflineCost(shape) / 1000).toBeCloseTo(26.8, 0);
  });
});
