/**
 * Reference counts and the free list of all KV blocks. The free list is an intrusive ring in two
 * Int32Arrays, least recently used first, so that every operation costs a few nanoseconds and a
 * block can be taken out of the middle when a prefix is found again. The null block 0 is never
 * handed out and serves as the ring's sentinel.
 */
export const NULL_BLOCK = 0;

export class BlockPool {
  readonly blockCount: number;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #references: Int32Array;
  #freeCount: number;

  /** @param blockCount blocks of the cache, the null block included */
  constructor(blockCount: number) {
    if (!Number.isInteger(blockCount) || blockCount < 2) {
      throw new RangeError(`A block pool needs 2 blocks or more, got ${blockCount}.`);
    }
    this.blockCount = blockCount;
    this.#next = new Int32Array(blockCount);
    this.#previous = new Int32Array(blockCount);
    this.#references = new Int32Array(blockCount);
    for (let block = 0; block < blockCount; block++) {
      this.#next[block] = (block + 1) % blockCount;
      this.#previous[block] = (block + blockCount - 1) % blockCount;
    }
    this.#freeCount = blockCount - 1;
  }

  /** Blocks a table may hold: all but the null block. */
  get usableCount(): number {
    return this.blockCount - 1;
  }

  /** Blocks without a reference, those kept for the prefix cache included. */
  get freeCount(): number {
    return this.#freeCount;
  }

  get usedCount(): number {
    return this.usableCount - this.#freeCount;
  }

  /** Tables that hold the block; 0 exactly when it is in the free list. */
  references(block: number): number {
    return this.#references[block] as number;
  }

  /** Takes the least recently used free block, with one reference. Throws when none is free. */
  take(): number {
    const block = this.#next[NULL_BLOCK] as number;
    if (block === NULL_BLOCK) throw new Error('The block pool is empty.');
    this.#unlink(block);
    this.#references[block] = 1;
    return block;
  }

  /** Adds a reference; a free block leaves the free list. */
  retain(block: number): void {
    this.#assertBlock(block);
    const references = this.#references[block] as number;
    if (references === 0) this.#unlink(block);
    this.#references[block] = references + 1;
  }

  /**
   * Drops a reference. The last one puts the block into the free list: at the end when its content
   * is worth keeping, else at the front, so that it is overwritten first.
   */
  release(block: number, keepContent: boolean): void {
    this.#assertBlock(block);
    const references = (this.#references[block] as number) - 1;
    if (references < 0) throw new Error(`Block ${block} was released more often than retained.`);
    this.#references[block] = references;
    if (references > 0) return;
    if (keepContent) this.#linkAfter(this.#previous[NULL_BLOCK] as number, block);
    else this.#linkAfter(NULL_BLOCK, block);
  }

  /** Free blocks, least recently used first; for checks and tests. */
  *freeBlocks(): Generator<number> {
    let block = this.#next[NULL_BLOCK] as number;
    while (block !== NULL_BLOCK) {
      yield block;
      block = this.#next[block] as number;
    }
  }

  #unlink(block: number): void {
    const next = this.#next[block] as number;
    const previous = this.#previous[block] as number;
    this.#next[previous] = next;
    this.#previous[next] = previous;
    this.#freeCount--;
  }

  #linkAfter(previous: number, block: number): void {
    const next = this.#next[previous] as number;
    this.#next[previous] = block;
    this.#previous[block] = previous;
    this.#next[block] = next;
    this.#previous[next] = block;
    this.#freeCount++;
  }

  #assertBlock(block: number): void {
    if (!(block > NULL_BLOCK && block < this.blockCount)) {
      throw new RangeError(`Block ${block} is not in 1..${this.blockCount - 1}.`);
    }
  }
}
