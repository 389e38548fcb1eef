import { expect, it } from 'vitest';
import { chooseVictim } from '../../../src/scheduler/preemption.ts';
import { sequence } from '../../support/sequences.ts';

function of(id: number, priority: number, committed: number) {
  const one = sequence(id, { priority });
  one.committed = committed;
  return one;
}

const anyone = () => true;

it('asks the lowest priority, then the least computed, then the youngest', () => {
  const byPriority = [of(1, 2, 10), of(2, 5, 90), of(3, 5, 80), of(4, 3, 0)];
  expect(chooseVictim(byPriority, anyone)?.id).toBe(3);
  expect(chooseVictim([of(1, 3, 10), of(3, 3, 10), of(2, 3, 10)], anyone)?.id).toBe(3);
  expect(chooseVictim(byPriority, (_, rank) => rank === 0)?.id).toBe(1);
  expect(chooseVictim(byPriority, () => false)).toBeNull();
});
