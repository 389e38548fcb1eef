/** What must hold of the scheduler and the KV cache after every step, whatever happens. */
import { BLOCK_SIZE } from '../../src/kv/index.ts';
import type { SchedulerView, Sequence } from '../../src/scheduler/index.ts';

/** Throws an Error that names the first rule that is broken. */
export function checkInvariants(view: SchedulerView): void {
  checkSequences(view);
  checkBlocks(view);
  for (const sequence of view.running) checkTable(view, sequence);
}

function checkSequences({ config, running, waiting, parked, openCount }: SchedulerView): void {
  expect(running.length <= config.maxSequences, `${running.length} sequences run`);
  const live = running.filter((sequence) => sequence.status === 'running').length;
  const total = live + waiting.length + parked.length;
  expect(total === openCount, `${openCount} sequences are open, ${total} are in a queue`);
  const slots = new Set(running.map((sequence) => sequence.slot));
  expect(slots.size === running.length, 'two sequences have one slot');
  for (const sequence of running) {
    const { id, committed, allocated, tokenCount, table, preemptionCount } = sequence;
    expect(sequence.status !== 'finished' || sequence.inFlight, `${id} ended but still runs`);
    expect(committed >= 0 && committed <= allocated, `${id} committed ${committed}`);
    expect(committed < tokenCount, `${id} has nothing to compute`);
    expect(allocated <= tokenCount, `${id} allocated ${allocated} of ${tokenCount} tokens`);
    expect(allocated <= table.length * BLOCK_SIZE, `${id} allocated more than its blocks`);
    expect(
      preemptionCount <= config.preemptionsMax,
      `${id} was preempted ${preemptionCount} times`,
    );
  }
  for (const { id, table, slot } of [...waiting, ...parked]) {
    expect(table.length === 0 && slot === -1, `${id} waits but holds blocks or a slot`);
  }
}

/** Every block is free or in tables, as often as its reference count says. */
function checkBlocks({ kv, running }: SchedulerView): void {
  const { pool } = kv;
  const holders = new Int32Array(pool.blockCount);
  for (const { table } of running) {
    for (let i = 0; i < table.length; i++) {
      const block = table.at(i);
      holders[block] = (holders[block] as number) + 1;
    }
  }
  expect(holders[0] === 0, 'the null block is in a table');
  let usedCount = 0;
  for (let block = 1; block < pool.blockCount; block++) {
    const count = holders[block] as number;
    const references = pool.references(block);
    expect(references === count, `block ${block} has ${references} references, ${count} holders`);
    if (count > 0) usedCount++;
  }
  let freeCount = 0;
  let cachedCount = 0;
  for (const block of pool.freeBlocks()) {
    expect(pool.references(block) === 0, `block ${block} is free and in use`);
    freeCount++;
    if (kv.isIndexed(block)) cachedCount++;
  }
  expect(freeCount === pool.freeCount, `${freeCount} blocks are free, not ${pool.freeCount}`);
  expect(usedCount + freeCount === pool.usableCount, 'free and used blocks are not all');
  expect(cachedCount === kv.cachedCount, `${cachedCount} are cached, not ${kv.cachedCount}`);
}

/** Shared blocks are full, final, of the right namespace, and hold the tokens they stand for. */
function checkTable({ config, kv }: SchedulerView, sequence: Sequence): void {
  const { id, table, committed, tokens, promptTokenCount, namespace } = sequence;
  for (let i = 0; i < table.length; i++) {
    const block = table.at(i);
    const end = (i + 1) * BLOCK_SIZE;
    const shared = kv.pool.references(block) > 1;
    expect(!shared || end <= committed, `${id} can write block ${block}, which others hold`);
    if (!kv.isIndexed(block)) continue;
    expect(end <= committed, `block ${block} of ${id} is cached before it is final`);
    expect(!config.strict || end <= promptTokenCount, `generated tokens of ${id} are cached`);
    expect(kv.namespaceOf(block) === namespace, `block ${block} of ${id} is of another namespace`);
    expect(kv.holds(block, tokens, i * BLOCK_SIZE), `block ${block} of ${id} has other tokens`);
  }
}

function expect(sound: boolean, broken: string): void {
  if (!sound) throw new Error(`Invariant: ${broken}.`);
}
