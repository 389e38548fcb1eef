import { expect, it } from 'vitest';
import { SequenceList } from '../../../src/scheduler/sequence-list.ts';
import { sequence } from '../../support/sequences.ts';

function idsOf(list: SequenceList): number[] {
  const ids: number[] = [];
  for (let one = list.head; one !== null; one = one.next) ids.push(one.id);
  return ids;
}

it('keeps order through every change', () => {
  const list = new SequenceList();
  const [a, b, c, d] = [1, 2, 3, 4].map((id) => sequence(id)) as [
    ReturnType<typeof sequence>,
    ReturnType<typeof sequence>,
    ReturnType<typeof sequence>,
    ReturnType<typeof sequence>,
  ];
  list.pushBack(b);
  list.pushBack(d);
  list.insertByArrival(c);
  list.insertByArrival(a);
  expect([idsOf(list), list.length]).toEqual([[1, 2, 3, 4], 4]);
  list.remove(b);
  list.remove(d);
  expect(idsOf(list)).toEqual([1, 3]);
  list.remove(a);
  list.pushBack(d);
  expect([idsOf(list), list.length]).toEqual([[3, 4], 2]);
  expect(() => list.remove(a)).toThrow('Sequence 1 is not in this list.');
  expect(() => list.pushBack(d)).toThrow('Sequence 4 is already in a list.');
});
