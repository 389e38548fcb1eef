import { describe, expect, it } from 'vitest';
import { BlockTable, blockPicture, KvCache } from '../../../src/kv/index.ts';

const TOKENS = Int32Array.from({ length: 128 }, (_, index) => index);

function cacheWith(blockCount: number) {
  const kv = new KvCache({ blockCount, prefixCache: true, hashSeed: 1 });
  return { kv, namespace: kv.openNamespace('') };
}

const counted = (picture: { readonly counts: Int32Array }) => Array.from(picture.counts);

describe('blockPicture', () => {
  it('tells free, cached, used and shared blocks apart', () => {
    const { kv, namespace } = cacheWith(9);
    const [first, second, third] = [new BlockTable(), new BlockTable(), new BlockTable()];
    kv.allocate(first, 2);
    kv.index(first, namespace, TOKENS, 128);
    kv.adopt(second, kv.match(namespace, TOKENS, 64));
    kv.allocate(third, 1);
    expect(Array.from(blockPicture(kv, 100).cells)).toEqual([3, 2, 2, 0, 0, 0, 0, 0]);
    expect(counted(blockPicture(kv, 100))).toEqual([5, 0, 2, 1]);

    for (const table of [first, second, third]) kv.release(table);
    expect(Array.from(blockPicture(kv, 100).cells)).toEqual([1, 1, 0, 0, 0, 0, 0, 0]);
    kv.flush();
    expect(counted(blockPicture(kv, 100))).toEqual([8, 0, 0, 0]);
  });

  it('draws a large pool coarser, by what most blocks of a cell are', () => {
    const { kv } = cacheWith(12);
    const table = new BlockTable();
    kv.allocate(table, 6);
    const picture = blockPicture(kv, 3);
    expect(picture.blocksPerCell).toBe(4);
    // 4 used; 2 used and 2 free; 3 free: the tie goes to what is in use.
    expect(Array.from(picture.cells)).toEqual([2, 2, 0]);
    expect(counted(picture)).toEqual([5, 0, 6, 0]);
  });
});
