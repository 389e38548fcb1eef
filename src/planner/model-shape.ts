/** Sizes of an MLA model as far as time and memory depend on them; names follow config.json. */
export type ModelShape = {
  readonly layerCount: number;
  /** Leading layers with one dense feed-forward block instead of experts. */
  readonly denseLayerCount: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly headCount: number;
  /** null: queries are projected directly. */
  readonly qLoraRank: number | null;
  readonly kvLoraRank: number;
  readonly qkNopeHeadDim: number;
  readonly qkRopeHeadDim: number;
  readonly vHeadDim: number;
  /** Width of a dense feed-forward block, of one expert. */
  readonly intermediateSize: number;
  readonly expertIntermediateSize: number;
  readonly routedExpertCount: number;
  readonly sharedExpertCount: number;
  readonly expertsPerToken: number;
};

export const DEEPSEEK_V3: ModelShape = {
  layerCount: 61,
  denseLayerCount: 3,
  hiddenSize: 7168,
  vocabSize: 129_280,
  headCount: 128,
  qLoraRank: 1536,
  kvLoraRank: 512,
  qkNopeHeadDim: 128,
  qkRopeHeadDim: 64,
  vHeadDim: 128,
  intermediateSize: 18_432,
  expertIntermediateSize: 2048,
  routedExpertCount: 256,
  sharedExpertCount: 1,
  expertsPerToken: 8,
};
