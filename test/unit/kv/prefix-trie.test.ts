import { describe, expect, it } from 'vitest';
import { PrefixTrie } from '../../../src/kv/prefix-trie.ts';

const NONE = 0;
const text = (seed: number, blocks = 1) =>
  Int32Array.from({ length: 64 * blocks }, (_, i) => seed * 1000 + i);

describe('PrefixTrie', () => {
  it('finds blocks by all tokens before and in them', () => {
    const trie = new PrefixTrie(10, 0);
    const [root, tokens] = [trie.createRoot(), text(1, 2)];
    const first = trie.insert(3, root, tokens, 0);
    trie.insert(4, first, tokens, 64);
    expect(trie.find(root, tokens, 0)).toBe(3);
    expect(trie.find(first, tokens, 64)).toBe(4);
    expect(trie.find(root, tokens, 64)).toBe(NONE);
    expect(trie.find(first, tokens, 0)).toBe(NONE);
    const almost = tokens.slice();
    almost[63] = -1;
    expect(trie.find(root, almost, 0)).toBe(NONE);
    expect([trie.indexedCount, trie.isIndexed(3), trie.isIndexed(5)]).toEqual([2, true, false]);
  });

  it('keeps roots apart', () => {
    const trie = new PrefixTrie(10, 0);
    const [mine, theirs] = [trie.createRoot(), trie.createRoot()];
    trie.insert(1, mine, text(1), 0);
    expect(trie.find(theirs, text(1), 0)).toBe(NONE);
  });

  it('gives equal prefixes one chain, and keeps it while one block is left', () => {
    const trie = new PrefixTrie(10, 0);
    const root = trie.createRoot();
    const chain = trie.insert(1, root, text(1), 0);
    expect(trie.insert(2, root, text(1), 0)).toBe(chain);
    trie.insert(3, chain, text(2), 0);
    trie.remove(1);
    expect(trie.find(root, text(1), 0)).toBe(2);
    expect(trie.find(trie.chainOf(2), text(2), 0)).toBe(3);
    trie.remove(2);
    trie.remove(2);
    expect(trie.find(root, text(1), 0)).toBe(NONE);
    // The same tokens anew: what hung on the chain before must not be found again.
    const anew = trie.insert(4, root, text(1), 0);
    expect(anew).not.toBe(chain);
    expect(trie.find(anew, text(2), 0)).toBe(NONE);
  });

  it('does not depend on the hash: one bucket, or any seed', () => {
    for (const seed of [0, 1, 123_456_789]) {
      // Two blocks make four buckets at most, so most of the 200 texts share one in turn.
      const trie = new PrefixTrie(2, seed);
      const root = trie.createRoot();
      for (let i = 0; i < 200; i++) {
        trie.insert(1, root, text(i), 0);
        expect(trie.find(root, text(i), 0)).toBe(1);
        expect(trie.find(root, text(i + 1), 0)).toBe(NONE);
        trie.remove(1);
      }
    }
  });

  it('takes blocks out of crowded buckets wherever they are', () => {
    const trie = new PrefixTrie(64, 7);
    const root = trie.createRoot();
    for (let block = 1; block < 64; block++) trie.insert(block, root, text(block), 0);
    for (let block = 2; block < 64; block += 2) trie.remove(block);
    for (let block = 1; block < 64; block++) {
      expect(trie.find(root, text(block), 0)).toBe(block % 2 === 1 ? block : NONE);
    }
    for (let block = 1; block < 64; block += 2) trie.remove(block);
    expect(trie.indexedCount).toBe(0);
  });

  it('refuses a block that is indexed already', () => {
    const trie = new PrefixTrie(3, 0);
    const root = trie.createRoot();
    trie.insert(1, root, text(1), 0);
    expect(() => trie.insert(1, root, text(2), 0)).toThrow('already in the prefix cache');
  });
});
