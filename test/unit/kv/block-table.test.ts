import { expect, it } from 'vitest';
import { BlockTable } from '../../../src/kv/index.ts';

it('grows, and leaves old entries alone when it is cleared', () => {
  const table = new BlockTable();
  for (let block = 1; block <= 20; block++) table.append(block);
  const { blocks } = table;
  expect([table.length, table.at(0), table.at(19)]).toEqual([20, 1, 20]);
  table.clear();
  table.append(99);
  expect([table.length, table.at(0), blocks[0]]).toEqual([1, 99, 1]);
});
