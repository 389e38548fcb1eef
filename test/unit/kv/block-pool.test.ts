import { describe, expect, it } from 'vitest';
import { BlockPool, NULL_BLOCK } from '../../../src/kv/block-pool.ts';

describe('BlockPool', () => {
  it('hands out every block but the null block, once', () => {
    const pool = new BlockPool(5);
    expect([pool.usableCount, pool.freeCount, pool.usedCount]).toEqual([4, 4, 0]);
    expect([pool.take(), pool.take(), pool.take(), pool.take()]).toEqual([1, 2, 3, 4]);
    expect([pool.freeCount, pool.usedCount]).toEqual([0, 4]);
    expect(() => pool.take()).toThrow('The block pool is empty.');
  });

  it('reuses blocks whose content is worth nothing first, then the least recently used', () => {
    const pool = new BlockPool(6);
    for (let i = 0; i < 5; i++) pool.take();
    pool.release(3, true);
    pool.release(1, true);
    pool.release(4, false);
    expect([...pool.freeBlocks()]).toEqual([4, 3, 1]);
    expect([pool.take(), pool.take()]).toEqual([4, 3]);
  });

  it('takes a free block out of the middle when its content is found again', () => {
    const pool = new BlockPool(5);
    pool.retain(3);
    expect([...pool.freeBlocks()]).toEqual([1, 2, 4]);
    pool.retain(3);
    expect([pool.references(3), pool.freeCount]).toEqual([2, 3]);
    pool.release(3, true);
    expect([...pool.freeBlocks()]).toEqual([1, 2, 4]);
    pool.release(3, true);
    expect([...pool.freeBlocks()]).toEqual([1, 2, 4, 3]);
  });

  it('refuses to lose count', () => {
    const pool = new BlockPool(3);
    expect(() => pool.release(1, true)).toThrow('released more often than retained');
    expect(() => pool.retain(NULL_BLOCK)).toThrow('Block 0 is not in 1..2');
    expect(() => pool.release(3, true)).toThrow('Block 3 is not in 1..2');
    expect(() => new BlockPool(1)).toThrow('2 blocks or more');
    expect(() => new BlockPool(2.5)).toThrow('2 blocks or more');
  });
});
