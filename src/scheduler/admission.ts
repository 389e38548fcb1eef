/**
 * Who may start: the most KV blocks that the running sequences and the candidate will need at any
 * later time, if nothing else arrives, must fit into the pool with the watermark kept free.
 * The projection is LightLLM's (router/req_queue/chunked_prefill/impl.py), counted in blocks and
 * with shared blocks counted once.
 */
import { BLOCK_SIZE, blocksFor, type KvCache, type PrefixMatch } from '../kv/index.ts';
import type { SchedulerConfig } from './config.ts';
import type { LengthEstimate } from './length-estimate.ts';
import type { RunningSet } from './running-set.ts';
import type { Sequence } from './sequence.ts';

/** Two counts below 2^26 packed into one float64, so that a typed array can sort by the first. */
const PACK = 2 ** 26;

export class Admission {
  readonly #kv: KvCache;
  readonly #running: RunningSet;
  readonly #lengths: LengthEstimate;
  readonly #watermarkBlocks: number;
  readonly #packed: Float64Array; // [maxSequences + 1] remaining tokens * PACK + own tokens

  constructor(parts: {
    readonly kv: KvCache;
    readonly running: RunningSet;
    readonly lengths: LengthEstimate;
    readonly config: SchedulerConfig;
  }) {
    this.#kv = parts.kv;
    this.#running = parts.running;
    this.#lengths = parts.lengths;
    this.#watermarkBlocks = Math.ceil(parts.kv.pool.usableCount * parts.config.watermarkRatio);
    this.#packed = new Float64Array(parts.config.maxSequences + 1);
  }

  /** Whether the candidate may start beside those running sequences that `stays` keeps. */
  fits(
    candidate: Sequence,
    match: PrefixMatch,
    stays: (sequence: Sequence) => boolean = () => true,
  ): boolean {
    const beside = this.#running.sequences.filter(stays);
    if (beside.length === 0) return true;
    if (this.#running.isProtected(candidate) && !this.#reservationsFit(candidate, beside))
      return false;
    const sharedBlocks = this.#sharedBlocks() + match.freeCount;
    const peakBlocks = sharedBlocks + this.#peakOwnBlocks(candidate, match, beside);
    return peakBlocks <= this.#kv.pool.usableCount - this.#watermarkBlocks;
  }

  /** Together the protected sequences never need more than the pool, so none waits for another. */
  #reservationsFit(candidate: Sequence, beside: readonly Sequence[]): boolean {
    let blocks = blocksFor(candidate.tokensMax);
    for (const sequence of beside) {
      if (this.#running.isProtected(sequence)) blocks += blocksFor(sequence.tokensMax);
    }
    return blocks <= this.#kv.pool.usableCount;
  }

  /** Blocks in use that no running sequence computed itself: they stay while anyone holds them. */
  #sharedBlocks(): number {
    let ownBlocks = 0;
    for (const { table } of this.#running.sequences) ownBlocks += table.length - table.adoptedCount;
    return this.#kv.pool.usedCount - ownBlocks;
  }

  #peakOwnBlocks(candidate: Sequence, match: PrefixMatch, beside: readonly Sequence[]): number {
    const packed = this.#packed.subarray(0, beside.length + 1);
    for (const [i, sequence] of beside.entries()) {
      packed[i] = this.#pack(sequence, sequence.table.adoptedCount);
    }
    packed[beside.length] = this.#pack(candidate, match.blocks.length);
    return peakBlocksOf(packed.sort());
  }

  #pack(sequence: Sequence, adoptedBlocks: number): number {
    const ownTokens = sequence.tokenCount - adoptedBlocks * BLOCK_SIZE;
    return this.#lengths.remainingTokens(sequence) * PACK + ownTokens;
  }
}

/**
 * Peak of the blocks held by sequences that each grow one token a step and end after their
 * remaining tokens: it is reached as one of them ends, when those with more remaining still run.
 */
function peakBlocksOf(ascending: Float64Array): number {
  let peakBlocks = 0;
  let ownTokens = 0;
  for (let i = ascending.length - 1, count = 1; i >= 0; i--, count++) {
    const packed = ascending[i] as number;
    const remaining = Math.floor(packed / PACK);
    ownTokens += packed - remaining * PACK;
    const tokens = ownTokens + remaining * count;
    // Each sequence may leave all but one slot of its last block empty.
    const blocks = Math.floor((tokens + (BLOCK_SIZE - 1) * count) / BLOCK_SIZE);
    peakBlocks = Math.max(peakBlocks, blocks);
  }
  return peakBlocks;
}
