/** What the engine thread and a grammar worker tell each other, batched one message a step each way. */
import type { ErrorCode } from '../errors.ts';
import type { GrammarSpec } from '../grammar/index.ts';

export type ToWorker =
  /** Compiles, takes the tokens of an earlier life, and answers with a mask. */
  | {
      readonly kind: 'open';
      readonly id: number;
      readonly spec: GrammarSpec;
      readonly tokens: readonly number[];
    }
  /** Pairs (sequence, token): each is taken, and answered with the mask after it. */
  | { readonly kind: 'accept'; readonly pairs: Int32Array }
  | { readonly kind: 'close'; readonly id: number };

/** Fields of one entry of `MaskReply.entries`. */
export const MASK_FIELDS = 4;
export const MASK_SEQUENCE = 0;
/** Tokens that the grammar has taken: the mask is for the token at this place. */
export const MASK_POSITION = 1;
/** 1 when the text may end here. */
export const MASK_CAN_END = 2;
/** 1 when the text may end here and cannot go on: there is nothing to sample. */
export const MASK_COMPLETE = 3;

export type MaskReply = {
  readonly kind: 'masks';
  readonly entries: Int32Array; // [count, MASK_FIELDS]
  readonly masks: Int32Array; // [count, ceil(vocabSize / 32)] bits of the tokens that may come next
};

export type GrammarFailure = {
  readonly kind: 'failed';
  readonly id: number;
  readonly code: ErrorCode;
  readonly message: string;
};

export type FromWorker = MaskReply | GrammarFailure | { readonly kind: 'ready' };

/** What a worker is started with. */
export type WorkerSetup = {
  /** Checkpoint folder: its tokenizer.json is read. */
  readonly modelDir: string;
  /** Width of the logits, and so of the masks. */
  readonly vocabSize: number;
};
