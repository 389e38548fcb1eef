import { describe, expect, it } from 'vitest';
import { WaitingQueue } from '../../../src/scheduler/waiting-queue.ts';
import { sequence } from '../../support/sequences.ts';

const queueOf = (quantum = 100) => new WaitingQueue(quantum, (one) => one.promptTokenCount);

/** Ids in the order in which they are taken. */
function drain(queue: WaitingQueue): number[] {
  const order: number[] = [];
  for (let head = queue.next(); head !== null; head = queue.next()) {
    expect(queue.next()).toBe(head);
    queue.take(head);
    order.push(head.id);
  }
  return order;
}

describe('WaitingQueue', () => {
  it('goes by class, then by return, then by arrival', () => {
    const queue = queueOf();
    const back = [sequence(1), sequence(4)];
    queue.push(sequence(5));
    queue.push(sequence(2, { priority: 7 }));
    queue.push(sequence(6, { priority: 0 }));
    for (const one of back.reverse()) queue.pushReturned(one);
    queue.push(sequence(7));
    expect([queue.length, [...queue.all()].length]).toEqual([6, 6]);
    expect(queue.oldestArrivalMs()).toBe(1);
    expect(drain(queue)).toEqual([6, 1, 4, 5, 7, 2]);
    expect([queue.length, queue.oldestArrivalMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it('takes turns between tenants', () => {
    const queue = queueOf();
    for (let id = 1; id <= 3; id++) queue.push(sequence(id, { tenant: 'a' }));
    for (let id = 4; id <= 6; id++) queue.push(sequence(id, { tenant: 'b' }));
    for (let id = 7; id <= 8; id++) queue.push(sequence(id, { tenant: 'c' }));
    expect(drain(queue)).toEqual([1, 4, 7, 2, 5, 8, 3, 6]);
  });

  it('lets a tenant start several small ones in one turn', () => {
    const queue = queueOf(250);
    for (let id = 1; id <= 4; id++) queue.push(sequence(id, { tenant: 'a' }));
    for (let id = 5; id <= 8; id++) queue.push(sequence(id, { tenant: 'b' }));
    expect(drain(queue)).toEqual([1, 2, 5, 6, 3, 4, 7, 8]);
  });

  it('forgets aborted ones without a charge', () => {
    const queue = queueOf();
    const ones = [1, 2, 3, 4].map((id) => sequence(id, { tenant: id < 3 ? 'a' : 'b' }));
    for (const one of ones) queue.push(one);
    queue.next();
    for (const one of ones.slice(0, 2)) queue.remove(one);
    expect(drain(queue)).toEqual([3, 4]);
    queue.push(sequence(5, { tenant: 'a' }));
    expect(drain(queue)).toEqual([5]);
  });

  it('keeps the turn when a tenant before it runs out', () => {
    const queue = queueOf(1000);
    const first = sequence(1, { tenant: 'a' });
    queue.push(first);
    for (let id = 2; id <= 4; id++) queue.push(sequence(id, { tenant: 'b' }));
    for (let id = 5; id <= 6; id++) queue.push(sequence(id, { tenant: 'c' }));
    queue.push(sequence(7, { tenant: 'a' }));
    expect(queue.next()?.id).toBe(1);
    queue.take(first);
    const rest = drain(queue);
    expect(rest).toEqual([7, 2, 3, 4, 5, 6]);
  });

  it('keeps the turn when a tenant behind it leaves', () => {
    const queue = queueOf(1000);
    const last = sequence(4, { tenant: 'c' });
    for (const id of [1, 2]) queue.push(sequence(id, { tenant: 'a' }));
    queue.push(sequence(3, { tenant: 'b' }));
    queue.push(last);
    expect(queue.next()?.id).toBe(1);
    queue.remove(last);
    expect(drain(queue)).toEqual([1, 2, 3]);
  });

  it('names those who may overtake, in fair order and not without end', () => {
    const queue = queueOf();
    const head = sequence(2);
    queue.pushReturned(head);
    queue.pushReturned(sequence(3));
    for (let id = 10; id < 100; id++) queue.push(sequence(id, { tenant: 'a' }));
    queue.push(sequence(100, { priority: 4 }));
    const order = [...queue.overtakers(head)].map(({ id }) => id);
    expect(order.slice(0, 3)).toEqual([3, 10, 11]);
    expect(order).toHaveLength(31);
    const taken = queue.overtakers(head);
    const seen: number[] = [];
    for (const one of taken) {
      seen.push(one.id);
      queue.take(one);
    }
    expect(seen).toEqual(order);
  });
});
