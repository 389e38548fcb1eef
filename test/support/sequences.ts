/** Sequences outside a scheduler, for tests of its parts. */
import { KvCache } from '../../src/kv/index.ts';
import { RunningSet } from '../../src/scheduler/running-set.ts';
import { Sequence, type SequenceSpec } from '../../src/scheduler/sequence.ts';
import { spec } from './scheduler-driver.ts';

/** A sequence whose id is its place in the order of arrival. */
export function sequence(id: number, changes: Partial<SequenceSpec> = {}): Sequence {
  const full = spec(id, changes);
  return new Sequence(full, {
    tokensMax: full.promptTokens.length + full.maxTokens,
    arrivalIndex: id,
    arrivalMs: id,
    namespace: 0,
  });
}

/** A running set over its own KV cache, and a way to start sequences in it. */
export function runningSet(options: { readonly slots: number; readonly preemptionsMax: number }) {
  const kv = new KvCache({ blockCount: 100, prefixCache: true, hashSeed: 0 });
  const running = new RunningSet(kv, options.slots, options.preemptionsMax);
  const start = (one: Sequence): Sequence => {
    running.start(one, { blocks: [], freeCount: 0, chain: 0 });
    return one;
  };
  return { kv, running, start };
}
