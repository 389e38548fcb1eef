/** Floors against figures worked out by hand for 1,010 GFLOPS and 44 GB/s. */
import { describe, expect, it } from 'vitest';
import type { OfflineCase } from '../../../../tools/bench/offline.ts';
import { floorSeconds } from '../../../../tools/bench/rooflines.ts';
import { SHAPES } from '../../../../tools/bench/shapes.ts';

const ROOFS = { gflops: 1010, readGbs: 44 };

const decode = (batch: number, depth: number): OfflineCase => ({ kind: 'decode', batch, depth });
const prefill = (promptTokens: number): OfflineCase => ({ kind: 'prefill', promptTokens });

function floorMs(shapeName: string, one: OfflineCase): number {
  const shape = SHAPES[shapeName];
  if (shape === undefined) throw new Error(shapeName);
  return 1000 * floorSeconds(shape, 'bf16', one, ROOFS);
}

describe('floors', () => {
  it.each([
    ['S', decode(1, 0), 5.39],
    ['S', decode(1, 32_768), 14.4],
    ['S', decode(16, 4096), 27.5],
    ['M', decode(1, 0), 18.0],
    ['M', decode(32, 512), 89.7],
    ['S', prefill(512), 122],
  ])('%s %o takes %f ms', (shape, one, expected) => {
    const ms = floorMs(shape, one);
    expect(ms).toBeGreaterThan(0.97 * expected);
    expect(ms).toBeLessThan(1.03 * expected);
  });

  it('halves the weights of FP8 checkpoints, not what they keep in bf16', () => {
    const shape = SHAPES.S;
    if (shape === undefined) throw new Error('no shape S');
    const narrow = floorSeconds(shape, 'fp8', decode(1, 0), ROOFS);
    const ratio = narrow / floorSeconds(shape, 'bf16', decode(1, 0), ROOFS);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(0.65);
  });
});
