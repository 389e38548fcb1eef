import { expect, it } from 'vitest';
import { RestartBudget } from '../../../src/engine/restart-budget.ts';
import { configFrom } from '../../support/engine-fixtures.ts';

it('doubles the pause, stops at the limit and forgets what lies before the window', () => {
  const { engine } = configFrom(
    ...['--engine.restartLimit', '3', '--engine.restartWindowMs', '1000'],
    ...['--engine.restartBackoffMs', '10'],
  );
  const budget = new RestartBudget(engine);
  expect([0, 1, 2].map((nowMs) => budget.take(nowMs))).toEqual([10, 20, 40]);
  expect(budget.take(3)).toBeNull();
  expect(budget.take(1000)).toBe(40);
  expect(budget.take(3000)).toBe(10);
  expect(budget.count).toBe(5);
});
