import { expect, it, vi } from 'vitest';
import { LoopLag } from '../../src/loop-lag.ts';

it('remembers the longest delay until it is taken', () => {
  vi.useFakeTimers();
  const clock = { ms: 0 };
  const lag = new LoopLag(() => clock.ms);
  const tick = (ms: number): void => {
    clock.ms += ms;
    vi.advanceTimersByTime(50);
  };
  tick(50);
  expect(lag.takeMs()).toBe(0);
  tick(80);
  tick(57);
  expect(lag.takeMs()).toBe(30);
  tick(50);
  expect(lag.takeMs()).toBe(0);
  // A delay that still goes on counts too.
  clock.ms += 150;
  expect(lag.takeMs()).toBe(100);
  lag.stop();
  vi.useRealTimers();
});
