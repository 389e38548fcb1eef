/**
 * Bugs to plant, one at a time, in the compiled scheduler and KV cache: each must be found by the
 * simulation. They are edits of the compiled text, so the sources carry no hooks for them; an edit
 * that no longer fits is an error.
 */
export type Mutant = {
  readonly name: string;
  /** Below src/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
};

const bug = (name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  file: `${file}.js`,
  find,
  replace,
});

export const MUTANTS: readonly Mutant[] = [
  bug(
    'a preempted sequence keeps its blocks',
    'scheduler/running-set',
    'this.#kv.release(sequence.table);',
    "if (sequence.status === 'finished') this.#kv.release(sequence.table); else sequence.table.clear();",
  ),
  bug(
    'a sequence aborted in flight keeps its blocks',
    'scheduler/scheduler',
    "if (sequence.status === 'finished')\n                this.#maker.stop(sequence);",
    '',
  ),
  bug(
    'blocks are taken away while a row is in flight',
    'scheduler/scheduler',
    'if (sequence.slot >= 0 && !sequence.inFlight)',
    'sequence.inFlight = false; if (sequence.slot >= 0)',
  ),
  bug(
    'all salts share one namespace',
    'kv/kv-cache',
    'this.#namespaces.acquire(salt,',
    "this.#namespaces.acquire('',",
  ),
  bug(
    'the tokens of a cached block are not compared',
    'kv/prefix-trie',
    'if (this.#hash[block] === hash &&\n                this.#parent[block] === parent &&\n                this.holds(block, tokens, offset)) {',
    'if (this.#parent[block] === parent) {',
  ),
  bug(
    'the whole prompt may come from the cache',
    'scheduler/shared-prefix',
    'Math.min(sequence.tokenCount - 1, ',
    'Math.min(sequence.tokenCount, ',
  ),
  bug(
    'generated tokens are shared in strict mode',
    'scheduler/shared-prefix',
    'strict ? sequence.promptTokenCount : sequence.tokenCount',
    'sequence.tokenCount',
  ),
  bug(
    'a resumed sequence takes its generated tokens from the cache in strict mode',
    'scheduler/shared-prefix',
    'return Math.min(sequence.tokenCount - 1, shareableTokens(sequence, strict));',
    'return sequence.tokenCount - 1;',
  ),
  bug(
    'adopted blocks are not retained',
    'kv/kv-cache',
    'this.pool.retain(block);',
    'if (this.pool.references(block) === 0) this.pool.retain(block);',
  ),
  bug(
    'an evicted block stays in the prefix cache',
    'kv/kv-cache',
    'this.#cachedCount--;\n                this.#unindex(block);',
    'this.#cachedCount--;',
  ),
  bug(
    'blocks behind a NaN row stay in the prefix cache',
    'scheduler/scheduler',
    'this.#kv.distrust(sequence.table);',
    '',
  ),
  bug(
    'blocks are cached before they are final',
    'scheduler/scheduler',
    'Math.min(sequence.committed, shareableTokens',
    'Math.min(sequence.tokenCount, shareableTokens',
  ),
  bug(
    'the stop token is sent',
    'scheduler/scheduler',
    "return ending?.reason !== 'stop';",
    'return true;',
  ),
  bug(
    'a sequence may end twice',
    'scheduler/scheduler',
    'this.#open.delete(sequence.id);',
    'if (!sequence.inFlight) this.#open.delete(sequence.id);',
  ),
  bug(
    'a row aborted in flight still counts',
    'scheduler/scheduler',
    "if (sequence.status === 'finished')\n                continue;",
    '',
  ),
  bug(
    'any rank may be preempted',
    'scheduler/reservation',
    'otherRank > rank && !this.#running.isProtected(other)',
    'otherRank !== rank',
  ),
  bug(
    'protected sequences do not reserve what they may need',
    'scheduler/admission',
    'return blocks <= this.#kv.pool.usableCount;',
    'return true;',
  ),
  bug(
    'a decode row at the border of a block gets none',
    'scheduler/reservation',
    'blocksFor(committed + sequence.planned) - table.length',
    'blocksFor(committed + sequence.planned - 1) - table.length',
  ),
  bug(
    'a preempted sequence keeps its place in the KV cache',
    'scheduler/running-set',
    'sequence.committed = match.blocks.length * BLOCK_SIZE;',
    'sequence.committed = Math.max(sequence.committedMax, match.blocks.length * BLOCK_SIZE);',
  ),
  bug(
    'a slot is not given back to the executor',
    'scheduler/running-set',
    'this.#releasedSlots.push(sequence.slot);',
    'if (sequence.inFlight) this.#releasedSlots.push(sequence.slot);',
  ),
  bug(
    'a parked sequence is forgotten',
    'scheduler/shared-prefix',
    'return !computing || leader.committed >= leaderTokens;',
    'return computing && leader.committed >= leaderTokens;',
  ),
  bug(
    'a row ends anywhere',
    'scheduler/prefill-budget',
    'return Math.max(0, end - (end % BLOCK_SIZE) - start);',
    'return Math.max(0, end - start);',
  ),
  bug(
    'block tables are not sent anew after a preemption',
    'scheduler/running-set',
    'sequence.publishedBlocks = 0;',
    '',
  ),
];
