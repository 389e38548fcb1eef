/**
 * Index of the prefix cache: (chain so far, 64 token ids) -> block. A chain is the identity of a
 * token prefix within one namespace; equal prefixes share a chain even where several blocks hold
 * them. The token ids of every indexed block are kept and compared, so a hit is exact and the hash
 * only has to be fast. Everything lives in typed arrays, one entry a block.
 */
import { BLOCK_SIZE } from './block-size.ts';

/** Chain id that no block has; also the end of a bucket list, as the null block is never indexed. */
const NONE = 0;

export class PrefixTrie {
  readonly #tokens: Int32Array; // [blocks, 64]
  readonly #chain: Float64Array; // [blocks] identity of the prefix ending with the block
  readonly #parent: Float64Array; // [blocks] identity of the prefix before the block
  readonly #hash: Int32Array; // [blocks]
  readonly #next: Int32Array; // [blocks] bucket list
  readonly #previous: Int32Array; // [blocks]
  readonly #buckets: Int32Array; // first block of each bucket
  readonly #hashSeed: number;
  #lastChain = NONE;
  #indexedCount = 0;

  /** @param hashSeed makes bucket collisions unpredictable to clients; results do not depend on it */
  constructor(blockCount: number, hashSeed: number) {
    this.#tokens = new Int32Array(blockCount * BLOCK_SIZE);
    this.#chain = new Float64Array(blockCount);
    this.#parent = new Float64Array(blockCount);
    this.#hash = new Int32Array(blockCount);
    this.#next = new Int32Array(blockCount);
    this.#previous = new Int32Array(blockCount);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(blockCount * 2)));
    this.#hashSeed = hashSeed | 0;
  }

  get indexedCount(): number {
    return this.#indexedCount;
  }

  /** A new chain with nothing in it: the root of a namespace. Chains are never reused. */
  createRoot(): number {
    return ++this.#lastChain;
  }

  isIndexed(block: number): boolean {
    return this.#chain[block] !== NONE;
  }

  chainOf(block: number): number {
    return this.#chain[block] as number;
  }

  /** The block that continues `parent` with the 64 tokens at `offset`, or the null block. */
  find(parent: number, tokens: Int32Array, offset: number): number {
    return this.#findHashed(this.#hashOf(parent, tokens, offset), parent, tokens, offset);
  }

  /** Indexes a full block and returns the chain that now ends with it. */
  insert(block: number, parent: number, tokens: Int32Array, offset: number): number {
    if (this.isIndexed(block)) throw new Error(`Block ${block} is already in the prefix cache.`);
    const hash = this.#hashOf(parent, tokens, offset);
    const twin = this.#findHashed(hash, parent, tokens, offset);
    this.#chain[block] = twin === NONE ? ++this.#lastChain : this.chainOf(twin);
    this.#parent[block] = parent;
    this.#hash[block] = hash;
    const start = block * BLOCK_SIZE;
    for (let i = 0; i < BLOCK_SIZE; i++) this.#tokens[start + i] = tokens[offset + i] as number;
    this.#linkBucket(block, hash);
    this.#indexedCount++;
    return this.chainOf(block);
  }

  /** Forgets the content of a block, if it is indexed. */
  remove(block: number): void {
    if (!this.isIndexed(block)) return;
    const next = this.#next[block] as number;
    const previous = this.#previous[block] as number;
    if (previous === NONE) this.#buckets[this.#bucketOf(this.#hash[block] as number)] = next;
    else this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
    this.#chain[block] = NONE;
    this.#indexedCount--;
  }

  /** Whether an indexed block holds exactly these tokens; for checks. */
  holds(block: number, tokens: Int32Array, offset: number): boolean {
    const start = block * BLOCK_SIZE;
    for (let i = 0; i < BLOCK_SIZE; i++) {
      if (this.#tokens[start + i] !== tokens[offset + i]) return false;
    }
    return true;
  }

  #findHashed(hash: number, parent: number, tokens: Int32Array, offset: number): number {
    let block = this.#buckets[this.#bucketOf(hash)] as number;
    while (block !== NONE) {
      if (
        this.#hash[block] === hash &&
        this.#parent[block] === parent &&
        this.holds(block, tokens, offset)
      ) {
        return block;
      }
      block = this.#next[block] as number;
    }
    return NONE;
  }

  #linkBucket(block: number, hash: number): void {
    const bucket = this.#bucketOf(hash);
    const first = this.#buckets[bucket] as number;
    this.#next[block] = first;
    this.#previous[block] = NONE;
    if (first !== NONE) this.#previous[first] = block;
    this.#buckets[bucket] = block;
  }

  #bucketOf(hash: number): number {
    return hash & (this.#buckets.length - 1);
  }

  /** Multiply-xorshift over the parent chain and the tokens, with the finaliser of MurmurHash3. */
  #hashOf(parent: number, tokens: Int32Array, offset: number): number {
    let hash = this.#hashSeed ^ Math.imul(parent | 0, 0x9e3779b1);
    for (let i = 0; i < BLOCK_SIZE; i++) {
      hash = Math.imul(hash ^ (tokens[offset + i] as number), 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }
}
