import { describe, expect, it } from 'vitest';
import { SimulatedKv, type SimulatedTable } from '../../../src/executor/simulated-kv.ts';

function tableOf(kv: SimulatedKv, slot: number, blocks: readonly number[]): SimulatedTable {
  const table = { slot, epoch: 1, blocks: new Int32Array(8), blockCount: 0 };
  for (const block of blocks) kv.append(table, block);
  return table;
}

/** 100 tokens with values 1, 2, 3, ... */
function written(kv: SimulatedKv, table: SimulatedTable): Int32Array {
  const values = Int32Array.from({ length: 100 }, (_, i) => i + 1);
  for (const [position, value] of values.entries()) kv.write(table, position, value);
  return values;
}

describe('SimulatedKv', () => {
  it('finds what was written through any table', () => {
    const kv = new SimulatedKv(10);
    const table = tableOf(kv, 0, [5, 3]);
    const values = written(kv, table);
    expect(kv.read(table, 99)).toBe(100);
    kv.verify(table, 100, values);
    kv.release(table);
    kv.verify(tableOf(kv, 1, [5]), 64, values);
  });

  it('notices another value, another position and a slot nobody wrote', () => {
    const kv = new SimulatedKv(10);
    const values = written(kv, tableOf(kv, 0, [5, 3]));
    const swapped = tableOf(kv, 1, [3, 5]);
    expect(() => kv.verify(swapped, 1, values)).toThrow(
      'Slot 1 epoch 1 finds foreign KV at position 0: block 3 was last written by slot 0 epoch 1 ' +
        'for position 64.',
    );
    expect(() => kv.verify(tableOf(kv, 1, [6]), 1, values)).toThrow('foreign KV at position 0');
    const other = values.slice();
    other[70] = 7;
    expect(() => kv.verify(tableOf(kv, 2, [5, 3]), 100, other)).toThrow('position 70');
  });

  it('notices two writers, and writing past the table', () => {
    const kv = new SimulatedKv(10);
    const first = tableOf(kv, 0, [5]);
    const second = tableOf(kv, 1, [5]);
    expect(() => kv.write(first, 0, 1)).toThrow('writes block 5, which 2 tables hold');
    kv.release(second);
    kv.write(first, 0, 1);
    expect(() => kv.write(first, 64, 1)).toThrow('Slot 0 epoch 1 has no block for position 64.');
  });
});
