/** What a node can do at best: data-sheet figures, none of them measured here. */
export type Hardware = {
  readonly name: string;
  readonly gpuCount: number;
  /** Of one GPU. */
  readonly memoryBytesPerSecond: number;
  readonly fp8FlopsPerSecond: number;
  readonly bf16FlopsPerSecond: number;
  readonly linkBytesPerSecond: number;
  /** Fixed cost of one all-reduce: every rank reads all others, or reduce-scatter and all-gather. */
  readonly oneShotMicros: number;
  readonly twoShotMicros: number;
  /** Gaps between kernels of one step, replayed from a graph. */
  readonly stepGapMicros: number;
};

export const H20_NODE: Hardware = {
  name: '8 x H20',
  gpuCount: 8,
  memoryBytesPerSecond: 4.0e12,
  fp8FlopsPerSecond: 296e12,
  bf16FlopsPerSecond: 148e12,
  linkBytesPerSecond: 450e9,
  oneShotMicros: 6,
  twoShotMicros: 9,
  stepGapMicros: 1500,
};
