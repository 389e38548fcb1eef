/**
 * Every message across the process border, batched one a step each way. This is the only file that
 * both halves of the engine import. Tokens travel as flat typed arrays, never one object a token.
 */
import type { GrammarSpec } from '../grammar/index.ts';
import type { SamplingParams } from '../sampling-params.ts';

/** One sequence to generate; ids are unique for the life of the parent process. */
export type AddCommand = {
  readonly id: number;
  readonly promptTokens: Int32Array;
  readonly sampling: SamplingParams;
  /** Most completion tokens; at least 1. */
  readonly maxTokens: number;
  /** End-of-sequence and stop tokens are not sampled before this many completion tokens. */
  readonly minTokens: number;
  /** Ids that end the sequence, end-of-sequence ids included unless they are ignored. */
  readonly stopTokenIds: readonly number[];
  /** Priority class 0 (first) to 7 (last); 3 is the default. */
  readonly priority: number;
  /** Fair shares are kept between tenants; '' is the anonymous tenant. */
  readonly tenant: string;
  /** Namespace of the prefix cache: only sequences with an equal salt share blocks. */
  readonly cacheSalt: string;
  /** What the text must be; null for any text. Its end ends the sequence ('stop'). */
  readonly grammar: GrammarSpec | null;
};

/** Parent to engine process. */
export type ParentMessage =
  | { readonly kind: 'commands'; readonly adds: readonly AddCommand[]; readonly aborts: Int32Array }
  | { readonly kind: 'flushPrefixCache' }
  /** Pictures of what the engine does are made only while they are wanted. */
  | { readonly kind: 'watch'; readonly on: boolean }
  | { readonly kind: 'shutdown' };

export type FinishReason = 'stop' | 'length' | 'abort' | 'error';

/** Why and how one sequence ended; exactly one for every accepted AddCommand. */
export type FinishRecord = {
  readonly id: number;
  readonly reason: FinishReason;
  /** The stop token that ended it, or null. It is counted but is not among the emitted tokens. */
  readonly stopTokenId: number | null;
  /** An ETAP_ERR_* code when the reason is 'error'. */
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly promptTokenCount: number;
  /** Prompt tokens whose KV came from the prefix cache. */
  readonly cachedTokenCount: number;
  readonly completionTokenCount: number;
  readonly preemptionCount: number;
  /** Milliseconds from arrival in the engine to the first scheduled step, to the first token, to the end. */
  readonly queuedMs: number;
  readonly firstTokenMs: number;
  readonly totalMs: number;
};

/** Log-probabilities of one emitted token; sent only for sequences that asked for them. */
export type TokenLogprobs = {
  readonly id: number;
  readonly logprob: number;
  readonly topIds: Int32Array;
  readonly topLogprobs: Float32Array;
};

/** Log-probabilities of prompt tokens 1..n-1, sent once before the first completion token. */
export type PromptLogprobs = { readonly id: number; readonly tokens: readonly TokenLogprobs[] };

/**
 * First step of a sequence, sent once with that step (not again after a preemption), so that the
 * parent can account for a sequence that it ends itself.
 */
export type SequenceStart = {
  readonly id: number;
  readonly queuedMs: number;
  readonly cachedTokenCount: number;
};

/**
 * Where the time of a step went on rank 0, in microseconds: the ETAP kernel, the rest of attention,
 * experts, other matrix products, sums over ranks, everything else; then sampling.
 */
export type StepProfile = {
  readonly latentAttentionMicros: number;
  readonly attentionMicros: number;
  readonly expertsMicros: number;
  readonly linearMicros: number;
  readonly reduceMicros: number;
  readonly otherMicros: number;
  readonly samplingMicros: number;
  /** Latent KV that the ETAP kernel had to read. */
  readonly latentBytes: number;
};

/** Figures of the engine process after one step; the parent's metrics read only these. */
export type EngineStats = {
  readonly runningCount: number;
  readonly waitingCount: number;
  readonly blocksTotal: number;
  readonly blocksFree: number;
  /** Held by no sequence, kept for the prefix cache; also allocatable. */
  readonly blocksCached: number;
  readonly blocksUsed: number;
  /** Totals since the engine process started. */
  readonly prefixQueriedTokens: number;
  readonly prefixHitTokens: number;
  readonly preemptionCount: number;
  readonly recomputedTokens: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  readonly stepCount: number;
  readonly nanRowCount: number;
  /** Of this step. */
  readonly stepMs: number;
  readonly scheduleMs: number;
  /** Null without a step, or where the executor does not measure it. */
  readonly profile: StepProfile | null;
  readonly stepPrefillTokens: number;
  readonly stepDecodeTokens: number;
  readonly oldestWaitMs: number;
  readonly blockedReason: 'none' | 'slots' | 'blocks' | 'budget';
};

/** The batch of one step, for those who watch. */
export type LiveStep = {
  readonly stepIndex: number;
  readonly stepMs: number;
  readonly decodeTokenCount: number;
  readonly prefillTokenCount: number;
  /** [rows, 3] sequence id, slot, tokens computed: negative for decode, positive for prefill. */
  readonly rows: Int32Array;
};

/** What the engine does, drawn a few times a second while someone watches. Holds no token ids. */
export type LivePicture = {
  /** Steps since the picture before; the oldest are left out where there were very many. */
  readonly steps: readonly LiveStep[];
  /** [running, 5] sequence id, slot, prompt tokens, cached of them, tokens whose KV is computed. */
  readonly sequences: Int32Array;
  /** Milliseconds from arrival to first token, of sequences whose first token came. */
  readonly firstTokenMs: Float64Array;
  /** Since watching began. */
  readonly emittedTokenCount: number;
  readonly blocks: {
    /** [cells] 0 free, 1 cached, 2 used by one sequence, 3 shared by several. */
    readonly cells: Uint8Array;
    readonly blocksPerCell: number;
    /** [4] blocks in each of these states. */
    readonly counts: Int32Array;
  };
};

/** What the executor turned out to be; printed at start and served by /version and /v1/models. */
export type EngineInfo = {
  readonly backend: string;
  /** Instruction set or compute capability the kernels were chosen for. */
  readonly isa: string;
  readonly dtype: string;
  readonly layerCount: number;
  readonly vocabSize: number;
  readonly maxModelLen: number;
  readonly blockSize: number;
  /** Blocks that sequences can hold. */
  readonly blockCount: number;
  readonly slotCount: number;
  readonly kvBytesPerToken: number;
  readonly weightBytes: number;
  readonly threadCount: number;
  readonly tensorParallelSize: number;
  readonly loadMs: number;
};

/** Engine process to parent. */
export type EngineMessage =
  | {
      readonly kind: 'loading';
      readonly stage: string;
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'ready'; readonly info: EngineInfo }
  | {
      readonly kind: 'step';
      readonly starts: readonly SequenceStart[];
      /** Pairs (sequence id, token id) in emission order. */
      readonly tokens: Int32Array;
      /** One entry for each pair whose sequence asked for log-probabilities, in the same order. */
      readonly logprobs: readonly TokenLogprobs[];
      readonly promptLogprobs: readonly PromptLogprobs[];
      readonly finishes: readonly FinishRecord[];
      readonly stats: EngineStats;
    }
  | { readonly kind: 'live'; readonly picture: LivePicture }
  | {
      readonly kind: 'heartbeat';
      readonly stepCount: number;
      /** Of the step in flight, 0 when there is none. */
      readonly stepAgeMs: number;
      /** An older step counts as a hang. */
      readonly stepAllowedMs: number;
      /** Longest delay of the engine process's event loop since the heartbeat before. */
      readonly loopLagMs: number;
    }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
