import { expect, it } from 'vitest';
import { bodyBytesMax, mergeConfig } from '../../../src/config/index.ts';

const { limits } = mergeConfig([]).config;

it.each([
  [null, 16 * 2 ** 20],
  [4096, 16 * 4096 + 65_536],
  [163_840, 16 * 163_840 + 65_536],
  [2 ** 24, 16 * 2 ** 20],
])('the body limit for a context of %s tokens is %i bytes', (maxModelLen, bytes) => {
  expect(bodyBytesMax(limits, maxModelLen)).toBe(bytes);
});
