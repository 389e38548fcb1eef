/** Finds KV blocks for the planned rows of a step, and takes them from lower ranks if need be. */
import { BLOCK_SIZE, blocksFor, type KvCache } from '../kv/index.ts';
import { assertThat } from './assert.ts';
import { chooseVictim } from './preemption.ts';
import { chunkTokens } from './prefill-budget.ts';
import type { RunningSet } from './running-set.ts';
import type { Sequence } from './sequence.ts';

export class Reservation {
  readonly #kv: KvCache;
  readonly #running: RunningSet;
  readonly #preempt: (victim: Sequence) => void;
  /** Blocks that decode rows of this step still lack. */
  #decodeBlocks = 0;

  constructor(kv: KvCache, running: RunningSet, preempt: (victim: Sequence) => void) {
    this.#kv = kv;
    this.#running = running;
    this.#preempt = preempt;
  }

  /**
   * Finds blocks for every planned row, in order of rank. A decode row that lacks one takes it from
   * a lower rank; a prefill row makes do with the blocks that decode rows leave, but the first rank
   * always gets on. Returns whether a row had to be given up.
   */
  run(): boolean {
    const { sequences } = this.#running;
    this.#decodeBlocks = decodeBlocksNeeded(sequences);
    let gaveUp = false;
    let rowCount = 0;
    // Preemption removes later ranks, so the length is read anew.
    for (let rank = 0; rank < sequences.length; rank++) {
      const sequence = sequences[rank] as Sequence;
      if (sequence.planned === 0) continue;
      if (needsDecodeBlock(sequence)) this.#decodeBlocks--;
      if (this.#reserve(sequence, rank)) rowCount++;
      else gaveUp = true;
    }
    if (rowCount === 0) this.#forceFirst();
    return gaveUp;
  }

  /** The budget went to rows that found no blocks: then the first rank takes a block's worth. */
  #forceFirst(): void {
    const rank = this.#running.sequences.findIndex((sequence) => !sequence.awaitsMask);
    const first = this.#running.sequences[rank];
    if (first === undefined) return;
    first.planned = chunkTokens(first, BLOCK_SIZE);
    assertThat(this.#reserve(first, rank) || rank > 0, 'The first rank found no block.');
  }

  /** Shortens the row to the blocks there are, or makes room; false when it has to be given up. */
  #reserve(sequence: Sequence, rank: number): boolean {
    const { table, committed } = sequence;
    const wanted = sequence.planned;
    const modest = rank > 0 && !sequence.isDecoding;
    for (;;) {
      const spareBlocks = this.#kv.pool.freeCount - (modest ? this.#decodeBlocks : 0);
      const room = (table.length + Math.max(0, spareBlocks)) * BLOCK_SIZE - committed;
      sequence.planned = chunkTokens(sequence, Math.min(wanted, room));
      if (sequence.planned > 0) {
        const blocks = blocksFor(committed + sequence.planned) - table.length;
        this.#kv.allocate(table, Math.max(0, blocks));
        return true;
      }
      const victim = modest ? null : this.#victimBelow(rank);
      if (victim === null) return false;
      if (needsDecodeBlock(victim)) this.#decodeBlocks--;
      this.#preempt(victim);
    }
  }

  #victimBelow(rank: number): Sequence | null {
    return chooseVictim(
      this.#running.sequences,
      (other, otherRank) => otherRank > rank && !this.#running.isProtected(other),
    );
  }
}

/** Blocks that the decode rows of the running sequences lack. */
export function decodeBlocksNeeded(sequences: readonly Sequence[]): number {
  let count = 0;
  for (const sequence of sequences) if (needsDecodeBlock(sequence)) count++;
  return count;
}

const needsDecodeBlock = (sequence: Sequence): boolean =>
  sequence.isDecoding && sequence.committed === sequence.table.length * BLOCK_SIZE;
