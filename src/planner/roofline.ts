/**
 * Lower bound of the duration of one step from bytes and FLOPs: weights in FP8 (kv_b, router and
 * head in bf16), latent KV in bf16, tensor parallel over all GPUs, every unit at 100 %.
 */
import type { Hardware } from './hardware.ts';
import type { ModelShape } from './model-shape.ts';

/** What one step computes. */
export type StepShape = {
  /** Tokens computed. */
  readonly newTokens: number;
  /** Context lengths of the decode rows, summed. */
  readonly decodeContext: number;
  /** (new token, token it attends to) pairs of the prefill rows, summed. */
  readonly prefillPairs: number;
  /** Tokens whose latent KV the prefill rows expand, summed. */
  readonly prefillContext: number;
};

/** Microseconds of the parts of a step. */
export type StepFloor = {
  readonly projections: number;
  readonly experts: number;
  readonly attention: number;
  readonly allReduce: number;
  readonly gaps: number;
  readonly total: number;
};

const FP8_BYTES = 1;
const BF16_BYTES = 2;
const MICROS = 1e6;

export function stepFloorMicros(model: ModelShape, hardware: Hardware, step: StepShape): StepFloor {
  const projections = projectionMicros(model, hardware, step.newTokens);
  const experts = expertMicros(model, hardware, step.newTokens);
  const attention = attentionMicros(model, hardware, step);
  const allReduce = allReduceMicros(model, hardware, step.newTokens);
  const gaps = hardware.stepGapMicros;
  const total = projections + experts + attention + allReduce + gaps;
  return { projections, experts, attention, allReduce, gaps, total };
}

/** Projections of attention, shared experts, dense blocks, router and head. */
function projectionMicros(model: ModelShape, hardware: Hardware, tokens: number): number {
  const { hiddenSize, headCount, kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = model;
  const gpus = hardware.gpuCount;
  const moeLayers = model.layerCount - model.denseLayerCount;
  const headWidth = headCount * (qkNopeHeadDim + qkRopeHeadDim);
  const queryIn = model.qLoraRank ?? hiddenSize;
  const queryDown = model.qLoraRank === null ? 0 : hiddenSize * model.qLoraRank;
  const replicated = queryDown + hiddenSize * (kvLoraRank + qkRopeHeadDim);
  const sharded = queryIn * headWidth + headCount * vHeadDim * hiddenSize;
  const ffn = (width: number) => (3 * hiddenSize * width) / gpus;
  const fp8Weights =
    model.layerCount * (replicated + sharded / gpus) +
    moeLayers * model.sharedExpertCount * ffn(model.expertIntermediateSize) +
    model.denseLayerCount * ffn(model.intermediateSize);
  const bf16Weights =
    (model.layerCount * headCount * (qkNopeHeadDim + vHeadDim) * kvLoraRank) / gpus +
    moeLayers * hiddenSize * model.routedExpertCount +
    (model.vocabSize * hiddenSize) / gpus;
  return (
    gemmMicros(hardware, 'fp8', fp8Weights, tokens) +
    gemmMicros(hardware, 'bf16', bf16Weights, tokens)
  );
}

/** Each expert that any token chose is read once; each token computes its own experts. */
function expertMicros(model: ModelShape, hardware: Hardware, tokens: number): number {
  const { routedExpertCount, expertsPerToken } = model;
  const missed = (1 - expertsPerToken / routedExpertCount) ** tokens;
  const read = routedExpertCount * (1 - missed);
  const expert = (3 * model.hiddenSize * model.expertIntermediateSize) / hardware.gpuCount;
  const bytesSeconds = (read * expert * FP8_BYTES) / hardware.memoryBytesPerSecond;
  const flopsSeconds = (2 * tokens * expertsPerToken * expert) / hardware.fp8FlopsPerSecond;
  const layers = model.layerCount - model.denseLayerCount;
  return layers * Math.max(bytesSeconds, flopsSeconds) * MICROS;
}

/** Decode: absorbed, the latent KV is read by every GPU. Prefill: expanded to full heads. */
function attentionMicros(model: ModelShape, hardware: Hardware, step: StepShape): number {
  const { kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = model;
  const heads = model.headCount / hardware.gpuCount;
  const row = kvLoraRank + qkRopeHeadDim;
  const decodeBytes = step.decodeContext * row * BF16_BYTES;
  const decodeFlops = step.decodeContext * 2 * heads * (row + kvLoraRank);
  const pairFlops = 2 * heads * (qkNopeHeadDim + qkRopeHeadDim + vHeadDim);
  const expandFlops = 2 * heads * kvLoraRank * (qkNopeHeadDim + vHeadDim);
  const prefillFlops = step.prefillPairs * pairFlops + step.prefillContext * expandFlops;
  const decodeSeconds = Math.max(
    decodeBytes / hardware.memoryBytesPerSecond,
    decodeFlops / hardware.bf16FlopsPerSecond,
  );
  const seconds = decodeSeconds + prefillFlops / hardware.bf16FlopsPerSecond;
  return model.layerCount * seconds * MICROS;
}

/** Two all-reduces a layer and one after the embedding, each in the faster of two ways. */
function allReduceMicros(model: ModelShape, hardware: Hardware, tokens: number): number {
  if (hardware.gpuCount === 1) return 0;
  const bytes = tokens * model.hiddenSize * BF16_BYTES;
  const linkMicros = (share: number) => ((share * bytes) / hardware.linkBytesPerSecond) * MICROS;
  const peers = hardware.gpuCount - 1;
  const oneShot = hardware.oneShotMicros + linkMicros(peers);
  const twoShot = hardware.twoShotMicros + linkMicros((2 * peers) / hardware.gpuCount);
  return (2 * model.layerCount + 1) * Math.min(oneShot, twoShot);
}

function gemmMicros(
  hardware: Hardware,
  dtype: 'fp8' | 'bf16',
  weights: number,
  tokens: number,
): number {
  const bytes = weights * (dtype === 'fp8' ? FP8_BYTES : BF16_BYTES);
  const rate = dtype === 'fp8' ? hardware.fp8FlopsPerSecond : hardware.bf16FlopsPerSecond;
  const seconds = Math.max(bytes / hardware.memoryBytesPerSecond, (2 * tokens * weights) / rate);
  return seconds * MICROS;
}
