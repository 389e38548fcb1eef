/**
 * The physical blocks of one sequence, in order. Tables only grow: a block keeps its index until the
 * whole table is released, so the executor is sent new entries alone.
 */
const INITIAL_CAPACITY = 8;

export class BlockTable {
  #blocks = new Int32Array(INITIAL_CAPACITY);
  #length = 0;
  /** Leading blocks adopted from the prefix cache. */
  adoptedCount = 0;
  /** Leading blocks whose content the prefix trie was offered; the chain ends there. */
  indexedCount = 0;
  /** Chain of the trie that the indexed blocks spell. */
  chain = 0;

  get length(): number {
    return this.#length;
  }

  /** Entries 0..length-1 are valid and never change; later ones may be written by `append`. */
  get blocks(): Int32Array {
    return this.#blocks;
  }

  at(index: number): number {
    return this.#blocks[index] as number;
  }

  append(block: number): void {
    if (this.#length === this.#blocks.length) {
      const grown = new Int32Array(this.#length * 2);
      grown.set(this.#blocks);
      this.#blocks = grown;
    }
    this.#blocks[this.#length++] = block;
  }

  /** Empties the table into fresh storage: plans of past steps keep the old entries. */
  clear(): void {
    this.#blocks = new Int32Array(INITIAL_CAPACITY);
    this.#length = 0;
    this.adoptedCount = 0;
    this.indexedCount = 0;
    this.chain = 0;
  }
}
