/** What every KV block is used for, as a picture of bounded size. Reads the cache, changes nothing. */
import { NULL_BLOCK } from './block-pool.ts';
import type { KvCache } from './kv-cache.ts';

/**
 * free: holds nothing. cached: no sequence holds it, the prefix cache still offers its content.
 * used: one sequence holds it. shared: several do. The index is the code of the state.
 */
export const BLOCK_STATES = ['free', 'cached', 'used', 'shared'] as const;

const FREE = 0;
const CACHED = 1;
const USED = 2;
const SHARED = 3;

export type BlockPicture = {
  /** [cells] code of the state that most blocks of the cell have; the later state wins a tie. */
  readonly cells: Uint8Array;
  /** Neighbouring blocks that one cell stands for; the last cell may stand for fewer. */
  readonly blocksPerCell: number;
  /** [4] blocks in each state; the null block is in none. */
  readonly counts: Int32Array;
};

/** @param cellsMax most cells of the picture: a large pool is drawn coarser */
export function blockPicture(kv: KvCache, cellsMax: number): BlockPicture {
  const { usableCount } = kv.pool;
  const blocksPerCell = Math.ceil(usableCount / cellsMax);
  const cells = new Uint8Array(Math.ceil(usableCount / blocksPerCell));
  const counts = new Int32Array(BLOCK_STATES.length);
  const ofCell = new Int32Array(BLOCK_STATES.length);
  for (let index = 0; index < usableCount; index++) {
    const state = stateOf(kv, NULL_BLOCK + 1 + index);
    counts[state] = (counts[state] as number) + 1;
    ofCell[state] = (ofCell[state] as number) + 1;
    const isLastOfCell = (index + 1) % blocksPerCell === 0 || index + 1 === usableCount;
    if (!isLastOfCell) continue;
    cells[Math.floor(index / blocksPerCell)] = mostCommon(ofCell);
    ofCell.fill(0);
  }
  return { cells, blocksPerCell, counts };
}

function stateOf(kv: KvCache, block: number): number {
  const references = kv.pool.references(block);
  if (references > 0) return references > 1 ? SHARED : USED;
  return kv.isIndexed(block) ? CACHED : FREE;
}

function mostCommon(counts: Int32Array): number {
  let best = 0;
  for (let state = 1; state < counts.length; state++) {
    if ((counts[state] as number) > 0 && (counts[state] as number) >= (counts[best] as number)) {
      best = state;
    }
  }
  return best;
}
