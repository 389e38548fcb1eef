import { expect, it } from 'vitest';
import { Namespaces } from '../../../src/kv/namespaces.ts';

it('keeps a namespace while anyone refers to it, and no longer', () => {
  const namespaces = new Namespaces();
  let roots = 0;
  const createRoot = () => ++roots;
  const a = namespaces.acquire('a', createRoot);
  const b = namespaces.acquire('b', createRoot);
  expect(namespaces.acquire('a', createRoot)).toBe(a);
  expect([namespaces.rootOf(a), namespaces.rootOf(b), namespaces.count]).toEqual([1, 2, 2]);
  namespaces.retain(a);
  for (let i = 0; i < 3; i++) namespaces.release(a);
  expect(namespaces.count).toBe(1);
  expect(() => namespaces.rootOf(a)).toThrow('Namespace 0 of the prefix cache is not open.');
  expect(() => namespaces.release(7)).toThrow('Namespace 7');
  // The index is used again, the root never: what the old namespace cached stays out of reach.
  const again = namespaces.acquire('a', createRoot);
  expect([again, namespaces.rootOf(again)]).toEqual([a, 3]);
});
