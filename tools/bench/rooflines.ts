/** The least time that a case can take: its bytes at the machine's bandwidth, its arithmetic at its peak. */
import type { OfflineCase } from './offline.ts';
import { STEP_TOKENS } from './offline.ts';
import { ATTENTION, type BenchDtype, type BenchShape } from './shapes.ts';

export type Roofs = { readonly gflops: number; readonly readGbs: number };

const { heads, kvLoraRank, nope, rope, value } = ATTENTION;
const CACHE_WIDTH = kvLoraRank + rope;

/** Weights of a decode step that every token needs, in 8 bits where the checkpoint is, and in bf16. */
function commonWeights(shape: BenchShape): { readonly narrow: number; readonly wide: number } {
  const { hiddenSize: hidden, layers } = shape;
  const query = heads * (nope + rope) * hidden;
  const attention = query + CACHE_WIDTH * hidden + heads * value * hidden;
  const perHead = heads * (nope + value) * kvLoraRank;
  const shared = 3 * hidden * shape.sharedExperts * shape.expertSize;
  const dense = 3 * hidden * shape.intermediateSize;
  return {
    narrow: layers * attention + dense + (layers - 1) * shared,
    // The router is kept in fp32: as many bytes as twice its weights in bf16.
    wide: layers * perHead + (layers - 1) * shape.routedExperts * hidden * 2,
  };
}

/** Experts of one layer that a batch touches, when all are equally likely. */
function distinctExperts({ routedExperts, expertsPerToken }: BenchShape, rows: number): number {
  return routedExperts * (1 - (1 - expertsPerToken / routedExperts) ** rows);
}

const slower = (gflop: number, gigabytes: number, roofs: Roofs) =>
  Math.max(gflop / roofs.gflops, gigabytes / roofs.readGbs);

type Rows = { readonly all: number; readonly logits: number };

function weightSeconds(shape: BenchShape, dtype: BenchDtype, rows: Rows, roofs: Roofs): number {
  const { narrow, wide } = commonWeights(shape);
  const head = shape.vocabSize * shape.hiddenSize;
  const narrowBytes = dtype === 'fp8' ? 1 : 2;
  const expert = 3 * shape.hiddenSize * shape.expertSize;
  const experts = (shape.layers - 1) * distinctExperts(shape, rows.all) * expert;
  const active = (shape.layers - 1) * shape.expertsPerToken * expert;
  const common = slower(
    (2 * ((narrow + wide) * rows.all + head * rows.logits)) / 1e9,
    (narrow * narrowBytes + (wide + head) * 2) / 1e9,
    roofs,
  );
  return common + slower((2 * active * rows.all) / 1e9, (experts * narrowBytes) / 1e9, roofs);
}

/** Floor of one decode step, or of one whole prompt. */
export function floorSeconds(
  shape: BenchShape,
  dtype: BenchDtype,
  one: OfflineCase,
  roofs: Roofs,
): number {
  if (one.kind === 'decode') {
    const tokens = one.batch * one.depth * shape.layers;
    const attention = slower(
      (tokens * 2 * heads * (CACHE_WIDTH + kvLoraRank)) / 1e9,
      (tokens * CACHE_WIDTH * 2) / 1e9,
      roofs,
    );
    return weightSeconds(shape, dtype, { all: one.batch, logits: one.batch }, roofs) + attention;
  }
  const { promptTokens } = one;
  const pairs = (promptTokens * (promptTokens + 1)) / 2;
  // Each chunk expands the keys and values of all before it once more.
  const chunks = Math.ceil(promptTokens / STEP_TOKENS);
  const expandedAgain = (STEP_TOKENS * (chunks * (chunks - 1))) / 2;
  const attention =
    shape.layers *
    heads *
    (pairs * 2 * (nope + rope + value) + expandedAgain * 2 * (nope + value) * kvLoraRank);
  return (
    weightSeconds(shape, dtype, { all: promptTokens, logits: 1 }, roofs) +
    attention / 1e9 / roofs.gflops
  );
}

/** Tokens a second at the floor. */
export function floorSpeed(shape: BenchShape, dtype: BenchDtype, one: OfflineCase, roofs: Roofs) {
  const tokens = one.kind === 'decode' ? one.batch : one.promptTokens;
  return tokens / floorSeconds(shape, dtype, one, roofs);
}
