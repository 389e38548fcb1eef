import { describe, expect, it } from 'vitest';
import { runningSet, sequence } from '../../support/sequences.ts';

const ids = (sequences: readonly { readonly id: number }[]) => sequences.map(({ id }) => id);

describe('RunningSet', () => {
  it('keeps protected ones first, then priority, then arrival', () => {
    const { running, start } = runningSet({ slots: 8, preemptionsMax: 2 });
    const shielded = sequence(6, { priority: 7 });
    const shieldedToo = sequence(7, { priority: 7 });
    shielded.preemptionCount = 2;
    shieldedToo.preemptionCount = 3;
    for (const one of [sequence(3), shieldedToo, sequence(1), sequence(4, { priority: 0 })]) {
      start(one);
    }
    start(shielded);
    start(sequence(2));
    expect(ids(running.sequences)).toEqual([6, 7, 4, 1, 2, 3]);
  });

  it('gives slots again with another epoch, once the executor has been told', () => {
    const { running, start } = runningSet({ slots: 1, preemptionsMax: 2 });
    const first = start(sequence(1));
    expect(running.isFull).toBe(true);
    expect(() => start(sequence(2))).toThrow('No slot is free');
    // Stopped before anyone was told: there is nothing to release.
    running.stop(first);
    expect([running.takeStarted(), running.takeReleases()]).toEqual([[], []]);
    const second = start(sequence(2));
    expect(ids(running.takeStarted())).toEqual([2]);
    expect([second.slot, second.epoch]).toEqual([0, 2]);
    running.stop(second);
    expect([running.hasReleases, running.takeReleases(), running.hasReleases]).toEqual([
      true,
      [0],
      false,
    ]);
  });

  it('tells of a sequence once that is stopped and started again', () => {
    const { running, start } = runningSet({ slots: 2, preemptionsMax: 2 });
    const one = start(sequence(1));
    running.stop(one);
    start(one);
    expect(ids(running.takeStarted())).toEqual([1]);
    expect(running.takeStarted()).toEqual([]);
  });

  it('does not stop a sequence with a row in flight', () => {
    const { running, start } = runningSet({ slots: 1, preemptionsMax: 2 });
    const one = start(sequence(1));
    one.inFlight = true;
    expect(() => running.stop(one)).toThrow('Sequence 1 has a row in flight.');
  });
});
