/** Door of the KV cache: blocks, tables, and the reuse of common prefixes. */

export { BLOCK_SIZE, blocksFor } from './block-size.ts';
export { type BlockPicture, blockPicture } from './block-states.ts';
export { BlockTable } from './block-table.ts';
export { KvCache, type KvCacheOptions, type PrefixMatch } from './kv-cache.ts';
