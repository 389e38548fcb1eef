import { describe, expect, it } from 'vitest';
import { BlockTable, blocksFor, KvCache } from '../../../src/kv/index.ts';

const text = (seed: number, length: number) =>
  Int32Array.from({ length }, (_, i) => seed * 1000 + i);

const cacheOf = (blockCount: number, prefixCache = true) =>
  new KvCache({ blockCount, prefixCache, hashSeed: 0 });

/** A table with the KV of these tokens, its full blocks offered to others. */
function computed(kv: KvCache, namespace: number, tokens: Int32Array): BlockTable {
  const table = new BlockTable();
  kv.adopt(table, kv.match(namespace, tokens, tokens.length - 1));
  expect(kv.allocate(table, blocksFor(tokens.length) - table.length)).toBe(true);
  kv.index(table, namespace, tokens, tokens.length);
  return table;
}

const entries = (table: BlockTable) => [...table.blocks.subarray(0, table.length)];

describe('KvCache', () => {
  it('finds full blocks again, up to the limit', () => {
    const kv = cacheOf(20);
    const namespace = kv.openNamespace('');
    const table = computed(kv, namespace, text(1, 200));
    expect(kv.match(namespace, text(1, 200), 199)).toMatchObject({
      blocks: [1, 2, 3],
      freeCount: 0,
    });
    expect(kv.match(namespace, text(1, 200), 191).blocks).toEqual([1, 2]);
    expect(kv.match(namespace, text(1, 200), 63).blocks).toEqual([]);
    expect(kv.match(namespace, text(2, 200), 199).blocks).toEqual([]);
    kv.release(table);
    expect([kv.cachedCount, kv.pool.usedCount]).toEqual([3, 0]);
    expect(kv.match(namespace, text(1, 200), 199)).toMatchObject({
      blocks: [1, 2, 3],
      freeCount: 3,
    });
  });

  it('shares blocks by reference, and takes them back when the last one is gone', () => {
    const kv = cacheOf(20);
    const namespace = kv.openNamespace('');
    const first = computed(kv, namespace, text(1, 130));
    const second = computed(kv, namespace, text(1, 150));
    expect(entries(second).slice(0, 2)).toEqual(entries(first).slice(0, 2));
    expect(second.adoptedCount).toBe(2);
    expect(kv.pool.usedCount).toBe(4);
    kv.release(first);
    expect([kv.pool.usedCount, kv.cachedCount]).toEqual([3, 0]);
    kv.release(second);
    expect([kv.pool.usedCount, kv.cachedCount]).toEqual([0, 2]);
    expect(() =>
      kv.adopt(computed(kv, namespace, text(3, 10)), kv.match(namespace, text(1, 1), 0)),
    ).toThrow('can only start a table');
  });

  it('evicts the least recently used prefix, its tail first', () => {
    const kv = cacheOf(8);
    const namespace = kv.openNamespace('');
    kv.release(computed(kv, namespace, text(1, 192)));
    kv.release(computed(kv, namespace, text(2, 192)));
    expect(kv.cachedCount).toBe(6);
    const table = new BlockTable();
    expect(kv.allocate(table, 3)).toBe(true);
    expect(kv.match(namespace, text(1, 192), 192).blocks).toHaveLength(1);
    expect(kv.match(namespace, text(2, 192), 192).blocks).toHaveLength(3);
    expect(kv.allocate(table, 5)).toBe(false);
    expect([table.length, kv.pool.freeCount, kv.cachedCount]).toEqual([3, 4, 4]);
  });

  it('keeps namespaces apart, and forgets those without blocks and sequences', () => {
    const kv = cacheOf(20);
    const [mine, theirs] = [kv.openNamespace('me'), kv.openNamespace('you')];
    const table = computed(kv, mine, text(1, 128));
    expect(kv.match(theirs, text(1, 128), 128).blocks).toEqual([]);
    expect([kv.namespaceOf(table.at(0)), kv.namespaceOf(9)]).toEqual([mine, -1]);
    kv.release(table);
    kv.closeNamespace(mine);
    kv.closeNamespace(theirs);
    expect(kv.namespaceCount).toBe(1);
    kv.flush();
    expect([kv.namespaceCount, kv.cachedCount]).toEqual([0, 0]);
  });

  it('flushes what no table holds', () => {
    const kv = cacheOf(20);
    const namespace = kv.openNamespace('');
    const held = computed(kv, namespace, text(1, 128));
    kv.release(computed(kv, namespace, text(2, 128)));
    kv.flush();
    expect(kv.match(namespace, text(2, 128), 128).blocks).toEqual([]);
    expect(kv.match(namespace, text(1, 128), 128).blocks).toEqual(entries(held));
  });

  it('withdraws blocks that cannot be trusted, also those it was lent', () => {
    const kv = cacheOf(20);
    const namespace = kv.openNamespace('');
    const first = computed(kv, namespace, text(1, 128));
    const second = computed(kv, namespace, text(1, 200));
    kv.distrust(second);
    expect(kv.match(namespace, text(1, 200), 199).blocks).toEqual([]);
    kv.release(second);
    kv.release(first);
    expect([kv.cachedCount, kv.pool.usedCount]).toEqual([0, 0]);
  });

  it('shares nothing when the prefix cache is off', () => {
    const kv = cacheOf(20, false);
    const namespace = kv.openNamespace('');
    const table = computed(kv, namespace, text(1, 128));
    expect(kv.match(namespace, text(1, 128), 128).blocks).toEqual([]);
    expect(kv.isIndexed(table.at(0))).toBe(false);
  });

  it('can tell whether a block holds given tokens', () => {
    const kv = cacheOf(20);
    const namespace = kv.openNamespace('');
    const table = computed(kv, namespace, text(1, 128));
    expect(kv.holds(table.at(1), text(1, 128), 64)).toBe(true);
    expect(kv.holds(table.at(1), text(1, 128), 0)).toBe(false);
  });
});
