/** What a trace tells about one HTTP exchange; made when it is over, so that it costs nothing before. */
import type { TraceParent } from './trace-parent.ts';

export type ExchangeTrace = {
  readonly parent: TraceParent | null;
  readonly requestId: string;
  readonly method: string;
  /** Template of the route. */
  readonly route: string;
  readonly status: number;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  /** Null where nothing was generated. */
  readonly generation: GenerationTrace | null;
};

export type GenerationTrace = {
  readonly model: string;
  readonly tenant: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly finishReasons: readonly string[];
  /** An ETAP_ERR_* code, or null. */
  readonly error: string | null;
  readonly sequences: readonly SequenceTrace[];
};

/** One sequence; the moments are milliseconds since 1970. */
export type SequenceTrace = {
  readonly startMs: number;
  /** The first step began. */
  readonly scheduledMs: number;
  /** Null where no token came. */
  readonly firstTokenMs: number | null;
  readonly endMs: number;
  readonly preemptionCount: number;
};
