/** Tokens in one KV block: the tile of the attention kernel, equal to the executor's BLOCK_SIZE. */
export const BLOCK_SIZE = 64;

/** Blocks that hold `tokenCount` tokens. */
export const blocksFor = (tokenCount: number): number => Math.ceil(tokenCount / BLOCK_SIZE);
