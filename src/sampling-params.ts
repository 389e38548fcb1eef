/** How one sequence's next token is chosen: set once at admission, applied by the native sampler. */

/**
 * Sampling parameters of one sequence, already validated against the model's vocabulary.
 * Order of application: penalties, logit bias and masks, temperature, top-k, top-p, min-p.
 */
export type SamplingParams = {
  /** 0 is greedy: the highest logit, ties to the lowest id. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set with this probability mass; 1 keeps all. */
  readonly topP: number;
  /** Keep tokens with at least this share of the best probability; 0 keeps all. */
  readonly minP: number;
  /** Over prompt and completion tokens; 1 is off. */
  readonly repetitionPenalty: number;
  /** Times the count among completion tokens; 0 is off. */
  readonly frequencyPenalty: number;
  /** Once for each token present among completion tokens; 0 is off. */
  readonly presencePenalty: number;
  /** Safe integer; the draw for a position depends on (seed, position) alone. */
  readonly seed: number;
  readonly logitBias: readonly (readonly [tokenId: number, bias: number])[];
  /** When not null, only these ids may be sampled. */
  readonly allowedTokenIds: readonly number[] | null;
  /** Log-probabilities reported for each sampled token: null none, 0 the token's own, n its n best. */
  readonly topLogprobs: number | null;
  /** The same for each prompt token (except the first); computed without the prefix cache. */
  readonly promptLogprobs: number | null;
};
