/** State of one generation, from its arrival in the engine to its end. Only the scheduler changes it. */
import { BlockTable } from '../kv/index.ts';
import type { SamplingParams } from '../sampling-params.ts';

/** What is asked for: one sequence to generate. */
export type SequenceSpec = {
  readonly id: number;
  readonly promptTokens: Int32Array;
  readonly sampling: SamplingParams;
  readonly maxTokens: number;
  readonly minTokens: number;
  readonly stopTokenIds: readonly number[];
  /** 0 (first) to 7 (last). */
  readonly priority: number;
  readonly tenant: string;
  /** Namespace of the prefix cache. */
  readonly cacheSalt: string;
  /** Its tokens follow a grammar: none is sampled before the mask for its place has come. */
  readonly constrained: boolean;
};

/** Priority classes 0..7. */
export const PRIORITY_CLASSES = 8;

/**
 * compiling: its grammar is not ready yet. waiting: in the waiting queue. parked: waiting for a neighbour to compute a common prefix.
 * running: holds a slot. finished: its end is decided; blocks may be held while a row is in flight.
 */
export type SequenceStatus = 'compiling' | 'waiting' | 'parked' | 'running' | 'finished';

/** Room for this many completion tokens is made at first. */
const COMPLETION_ROOM = 256;

export class Sequence {
  readonly spec: SequenceSpec;
  readonly id: number;
  readonly promptTokenCount: number;
  /** Most tokens it may ever have: prompt and completion. */
  readonly tokensMax: number;
  /** Position in the order of arrival. */
  readonly arrivalIndex: number;
  readonly arrivalMs: number;
  readonly namespace: number;
  readonly table = new BlockTable();

  status: SequenceStatus = 'waiting';
  /** Known token ids by position: the prompt, then what was sampled. */
  tokens: Int32Array;
  tokenCount: number;
  /** Tokens whose KV is final. */
  committed = 0;
  /** Tokens with reserved KV slots, those of the row in flight included. */
  allocated = 0;
  /** Most tokens that were ever committed: computing them again is recomputation. */
  committedMax = 0;
  /** Block-table entries the executor was sent since admission. */
  publishedBlocks = 0;
  slot = -1;
  /** Changes whenever a slot is reused, so that a stale result is recognised. */
  epoch = -1;
  /** Whether the executor was told of this slot and epoch. */
  announced = false;
  /** Tokens this step is to compute: set and cleared within `schedule`. */
  planned = 0;
  /** Whether a row was handed out and its result has not come back. */
  inFlight = false;
  /** Known tokens after which its mask tells what may come; -1 when there is none. */
  maskedAfter = -1;
  preemptionCount = 0;
  cachedTokenCount = 0;
  /** Steps since it last had a prefill row. */
  stepsSinceChunk = 0;
  firstScheduledMs = -1;
  firstTokenMs = -1;

  /** The neighbour it is parked for, its epoch then, and how far that one must get. */
  leader: Sequence | null = null;
  leaderEpoch = -1;
  leaderTokens = 0;
  parkedMs = -1;

  /** The SequenceList that holds it; a list knows its sequences, and they only know which one. */
  list: object | null = null;
  next: Sequence | null = null;
  previous: Sequence | null = null;

  constructor(
    spec: SequenceSpec,
    facts: {
      readonly tokensMax: number;
      readonly arrivalIndex: number;
      readonly arrivalMs: number;
      readonly namespace: number;
    },
  ) {
    this.spec = spec;
    this.id = spec.id;
    this.promptTokenCount = spec.promptTokens.length;
    this.tokensMax = facts.tokensMax;
    this.arrivalIndex = facts.arrivalIndex;
    this.arrivalMs = facts.arrivalMs;
    this.namespace = facts.namespace;
    const room = Math.min(this.tokensMax, this.promptTokenCount + COMPLETION_ROOM);
    this.tokens = new Int32Array(room);
    this.tokens.set(spec.promptTokens);
    this.tokenCount = this.promptTokenCount;
  }

  get completionTokenCount(): number {
    return this.tokenCount - this.promptTokenCount;
  }

  /** Known tokens whose KV is still to be computed; at least 1 while it lives. */
  get uncomputed(): number {
    return this.tokenCount - this.committed;
  }

  /** Whether its next row computes one generated token and samples the next. */
  get isDecoding(): boolean {
    return this.committed >= this.promptTokenCount && this.uncomputed === 1;
  }

  /** Whether it must not be sampled from yet: the mask for its next token is not there. */
  get awaitsMask(): boolean {
    return this.spec.constrained && this.maskedAfter !== this.tokenCount;
  }

  /** Whether log-probabilities of its prompt are still owed: they are sent before its first token. */
  get owesPromptLogprobs(): boolean {
    return this.spec.sampling.promptLogprobs !== null && this.completionTokenCount === 0;
  }

  appendToken(token: number): void {
    if (this.tokenCount === this.tokens.length) {
      const grown = new Int32Array(Math.min(this.tokensMax, this.tokens.length * 2));
      grown.set(this.tokens);
      this.tokens = grown;
    }
    this.tokens[this.tokenCount++] = token;
  }
}
