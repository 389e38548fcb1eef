/**
 * Who yields its blocks: the lowest priority, there the sequence with the fewest computed tokens,
 * there the youngest. What it computed is computed again later. Only ranks below the taker are
 * ever asked, so the first rank - the oldest of the best priority - never yields.
 */
import type { Sequence } from './sequence.ts';

/** The victim among those that `mayYield` admits, or null. */
export function chooseVictim(
  sequences: readonly Sequence[],
  mayYield: (sequence: Sequence, rank: number) => boolean,
): Sequence | null {
  let victim: Sequence | null = null;
  for (const [rank, sequence] of sequences.entries()) {
    if (!mayYield(sequence, rank)) continue;
    if (victim === null || yieldsBefore(sequence, victim)) victim = sequence;
  }
  return victim;
}

function yieldsBefore(left: Sequence, right: Sequence): boolean {
  if (left.spec.priority !== right.spec.priority) return left.spec.priority > right.spec.priority;
  if (left.committed !== right.committed) return left.committed < right.committed;
  return left.arrivalIndex > right.arrivalIndex;
}
