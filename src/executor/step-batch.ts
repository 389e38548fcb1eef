/**
 * Input and output of one executor step as flat arrays in one arena, shared with the native side
 * (twin: native/runtime/step_batch.h). Positions and KV slots are derived natively from
 * (context before, query length, block table), so they cannot disagree.
 */

/** Tokens in a KV block; the kernel's tile. */
export const BLOCK_SIZE = 64;
/** Most log-probabilities reported for one token. */
export const TOP_LOGPROBS_MAX = 20;

/** Int32 fields of one sequence in `StepBatch.sequences`. */
export const SEQUENCE_FIELDS = 8;
export const FIELD_SLOT = 0;
/** Changes whenever a slot is reused, so that a stale result is recognised. */
export const FIELD_EPOCH = 1;
/** Tokens of this sequence whose KV is already in the cache. */
export const FIELD_CONTEXT_BEFORE = 2;
/** Tokens computed in this step; their KV goes to positions contextBefore + i. */
export const FIELD_QUERY_LENGTH = 3;
/** 1 when a token is to be sampled from the last row. */
export const FIELD_SAMPLE = 4;
/** Row of the token mask, or -1. */
export const FIELD_MASK_ROW = 5;
/** First index of this sequence in `StepBatch.tokens`. */
export const FIELD_TOKEN_OFFSET = 6;
/** 1 when log-probabilities of the prompt rows of this step are wanted. */
export const FIELD_PROMPT_LOGPROBS = 7;

/** Int32 fields of one new block-table entry in `StepBatch.blockDeltas`. */
export const DELTA_FIELDS = 3;
export const DELTA_SLOT = 0;
export const DELTA_BLOCK_INDEX = 1;
export const DELTA_BLOCK_ID = 2;

/**
 * Float fields of `StepResult.profile`: where the time of the step went on rank 0, in microseconds.
 * All are 0 where the executor does not measure it.
 */
export const PROFILE_FIELDS = 8;
/** The ETAP kernel alone. */
export const PROFILE_LATENT_ATTENTION = 0;
/** The rest of attention: projections of heads, cache writes, prefill. */
export const PROFILE_ATTENTION = 1;
/** Routing and routed experts. */
export const PROFILE_EXPERTS = 2;
/** Every other matrix product. */
export const PROFILE_LINEAR = 3;
/** Sums over ranks, waits for them included. */
export const PROFILE_REDUCE = 4;
/** Norms, embedding, copies to the host. */
export const PROFILE_OTHER = 5;
export const PROFILE_SAMPLING = 6;
/** Bytes of latent KV that the ETAP kernel must read: each context once a layer. */
export const PROFILE_LATENT_BYTES = 7;

/** What to compute: views into the arena, filled up to the counts. */
export type StepBatch = {
  stepIndex: number;
  sequenceCount: number;
  tokenCount: number;
  deltaCount: number;
  /** [sequenceCount, SEQUENCE_FIELDS] */
  readonly sequences: Int32Array;
  /** [tokenCount] token ids, sequences one after another */
  readonly tokens: Int32Array;
  /** [deltaCount, DELTA_FIELDS] applied before the step, in order */
  readonly blockDeltas: Int32Array;
  /** [slotCount, ceil(vocabSize / 32)] allowed-token bits; rows named by FIELD_MASK_ROW */
  readonly masks: Int32Array;
};

/** What came out: views into the arena, one row for each sequence of the batch. */
export type StepResult = {
  /** [sequenceCount] sampled token id, -1 where none was asked for */
  readonly tokens: Int32Array;
  /** [sequenceCount] 0 where a logit was NaN or infinite or no token was allowed: no token */
  readonly finite: Int32Array;
  /** [sequenceCount] log-probability of the sampled token before temperature and filters */
  readonly logprobs: Float32Array;
  /** [sequenceCount, TOP_LOGPROBS_MAX] best ids, descending; -1 past the wanted count */
  readonly topIds: Int32Array;
  /** [sequenceCount, TOP_LOGPROBS_MAX] */
  readonly topLogprobs: Float32Array;
  /** [tokenCount] log-probability of the prompt token that follows, where asked for and there is one */
  readonly promptLogprobs: Float32Array;
  /** [tokenCount, TOP_LOGPROBS_MAX] */
  readonly promptTopIds: Int32Array;
  /** [tokenCount, TOP_LOGPROBS_MAX] */
  readonly promptTopLogprobs: Float32Array;
  /** [PROFILE_FIELDS] */
  readonly profile: Float32Array;
  /** Microseconds the executor spent on this step. */
  readonly stepMicros: number;
};
