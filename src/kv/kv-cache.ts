/**
 * The KV blocks of the engine as the scheduler sees them: allocation, and reuse of full blocks
 * through the prefix cache. Every operation costs O(1) for each block it touches.
 */
import { BlockPool, NULL_BLOCK } from './block-pool.ts';
import { BLOCK_SIZE } from './block-size.ts';
import type { BlockTable } from './block-table.ts';
import { Namespaces } from './namespaces.ts';
import { PrefixTrie } from './prefix-trie.ts';

export type KvCacheOptions = {
  /** Blocks of the cache, the null block included. */
  readonly blockCount: number;
  readonly prefixCache: boolean;
  /** Seeds the hash of the prefix trie; no result depends on it. */
  readonly hashSeed: number;
};

/** Cached blocks that hold the first tokens of a sequence. */
export type PrefixMatch = {
  readonly blocks: readonly number[];
  /** How many of them no table holds now: adopting them makes the pool that much smaller. */
  readonly freeCount: number;
  readonly chain: number;
};

export class KvCache {
  readonly pool: BlockPool;
  readonly #trie: PrefixTrie;
  readonly #namespaces = new Namespaces();
  readonly #namespaceOf: Int32Array; // [blocks] valid where the block is indexed
  readonly #prefixCache: boolean;
  #cachedCount = 0;

  constructor(options: KvCacheOptions) {
    this.pool = new BlockPool(options.blockCount);
    this.#trie = new PrefixTrie(options.blockCount, options.hashSeed);
    this.#namespaceOf = new Int32Array(options.blockCount);
    this.#prefixCache = options.prefixCache;
  }

  /** Free blocks whose content the prefix cache still offers. */
  get cachedCount(): number {
    return this.#cachedCount;
  }

  get namespaceCount(): number {
    return this.#namespaces.count;
  }

  /** Opens the namespace of a salt for one sequence; `closeNamespace` must follow. */
  openNamespace(salt: string): number {
    return this.#namespaces.acquire(salt, () => this.#trie.createRoot());
  }

  closeNamespace(namespace: number): void {
    this.#namespaces.release(namespace);
  }

  /** Longest run of cached blocks that spells the first `tokenLimit` tokens or fewer. */
  match(namespace: number, tokens: Int32Array, tokenLimit: number): PrefixMatch {
    const blocks: number[] = [];
    let chain = this.#namespaces.rootOf(namespace);
    let freeCount = 0;
    const offsetEnd = this.#prefixCache ? tokenLimit - BLOCK_SIZE : -1;
    for (let offset = 0; offset <= offsetEnd; offset += BLOCK_SIZE) {
      const block = this.#trie.find(chain, tokens, offset);
      if (block === NULL_BLOCK) break;
      chain = this.#trie.chainOf(block);
      blocks.push(block);
      if (this.pool.references(block) === 0) freeCount++;
    }
    return { blocks, freeCount, chain };
  }

  /** Starts an empty table with matched blocks. */
  adopt(table: BlockTable, match: PrefixMatch): void {
    if (table.length > 0) throw new Error('Cached blocks can only start a table.');
    for (const block of match.blocks) {
      if (this.pool.references(block) === 0) this.#cachedCount--;
      this.pool.retain(block);
      table.append(block);
    }
    table.adoptedCount = match.blocks.length;
    table.indexedCount = match.blocks.length;
    table.chain = match.chain;
  }

  /** Appends `count` fresh blocks, evicting cached content as needed: all of them or none. */
  allocate(table: BlockTable, count: number): boolean {
    if (count > this.pool.freeCount) return false;
    for (let i = 0; i < count; i++) {
      const block = this.pool.take();
      if (this.#trie.isIndexed(block)) {
        this.#cachedCount--;
        this.#unindex(block);
      }
      table.append(block);
    }
    return true;
  }

  /**
   * Offers the full blocks among the first `tokenCount` tokens of a table to other sequences. Their
   * KV must be final.
   */
  index(table: BlockTable, namespace: number, tokens: Int32Array, tokenCount: number): void {
    if (!this.#prefixCache) return;
    if (table.indexedCount === 0) table.chain = this.#namespaces.rootOf(namespace);
    const fullBlocks = Math.floor(tokenCount / BLOCK_SIZE);
    for (let i = table.indexedCount; i < fullBlocks; i++) {
      const block = table.at(i);
      table.chain = this.#trie.insert(block, table.chain, tokens, i * BLOCK_SIZE);
      this.#namespaceOf[block] = namespace;
      this.#namespaces.retain(namespace);
      table.indexedCount = i + 1;
    }
  }

  /** Gives all blocks back, the last first, so that the tail of a prefix is evicted before its root. */
  release(table: BlockTable): void {
    for (let i = table.length - 1; i >= 0; i--) {
      const block = table.at(i);
      const indexed = this.#trie.isIndexed(block);
      this.pool.release(block, indexed);
      if (indexed && this.pool.references(block) === 0) this.#cachedCount++;
    }
    table.clear();
  }

  /** Withdraws every block of a table from the prefix cache: their content cannot be trusted. */
  distrust(table: BlockTable): void {
    for (let i = 0; i < table.length; i++) {
      if (this.#trie.isIndexed(table.at(i))) this.#unindex(table.at(i));
    }
  }

  /** Forgets the cached blocks that no table holds. */
  flush(): void {
    for (const block of this.pool.freeBlocks()) {
      if (this.#trie.isIndexed(block)) this.#unindex(block);
    }
    this.#cachedCount = 0;
  }

  isIndexed(block: number): boolean {
    return this.#trie.isIndexed(block);
  }

  /** Namespace whose sequences may hold the block, or -1 while it is not indexed. */
  namespaceOf(block: number): number {
    return this.#trie.isIndexed(block) ? (this.#namespaceOf[block] as number) : -1;
  }

  /** Whether an indexed block holds exactly the 64 tokens at `offset`; for checks. */
  holds(block: number, tokens: Int32Array, offset: number): boolean {
    return this.#trie.holds(block, tokens, offset);
  }

  #unindex(block: number): void {
    this.#trie.remove(block);
    this.#namespaces.release(this.#namespaceOf[block] as number);
  }
}
