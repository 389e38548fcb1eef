/** What the HTTP side may ask of the engine: implemented over the process border and in-process for tests. */
import type { ErrorCode } from '../errors.ts';
import type {
  AddCommand,
  EngineInfo,
  EngineStats,
  FinishRecord,
  LivePicture,
  TokenLogprobs,
} from './messages.ts';

/** One sequence as the HTTP side asks for it; the client gives it its id. */
export type GenerateCommand = Omit<AddCommand, 'id'>;

/** Called in order on the parent's event loop: tokens, then exactly one finish. */
export type SequenceListener = {
  onPromptLogprobs(tokens: readonly TokenLogprobs[]): void;
  onToken(tokenId: number, logprobs: TokenLogprobs | null): void;
  onFinish(finish: FinishRecord): void;
};

export type EngineState = 'loading' | 'ready' | 'restarting' | 'failed' | 'stopped';

export type LoadProgress = {
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
};

/** Sign of life of the engine process. */
export type Heartbeat = { readonly stepAgeMs: number; readonly loopLagMs: number };

export interface EngineClient {
  readonly state: EngineState;
  /** Facts of the loaded model; null until it was ready once. */
  readonly info: EngineInfo | null;
  /** Latest figures; null until the first step, also after each restart. */
  readonly stats: EngineStats | null;
  readonly restartCount: number;
  /**
   * Starts one sequence and returns its id. Every call ends in exactly one `onFinish`, also when the
   * engine process is lost (reason 'error', code ETAP_ERR_ENGINE_LOST).
   * Throws EtapError ETAP_ERR_ENGINE_NOT_READY, ETAP_ERR_QUEUE_FULL.
   */
  generate(command: GenerateCommand, listener: SequenceListener): number;
  /** Ends a sequence early; its listener still gets one finish ('abort'), at once. */
  abort(id: number): void;
  /** Drops every cached block that no sequence holds. */
  flushPrefixCache(): void;
  /** Resolves when the engine is ready; rejects with EtapError when it cannot be. */
  ready(): Promise<EngineInfo>;
  onStateChange(listener: (state: EngineState, reason: ErrorCode | null) => void): void;
  onStep(listener: (stats: EngineStats) => void): void;
  onProgress(listener: (progress: LoadProgress) => void): void;
  /**
   * Pictures of what the engine does, from now on, until the returned function is called. The engine
   * makes none while nobody watches.
   */
  watch(listener: (picture: LivePicture) => void): () => void;
  /** Ends open sequences with ETAP_ERR_SHUTTING_DOWN and stops the engine process. */
  close(): Promise<void>;
}
