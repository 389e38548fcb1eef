/**
 * Runs one generation request: starts its sequences in the engine and hands on what they say as
 * message parts.
 * Every wire format is a listener of it. Whatever happens, each sequence ends once, and after a
 * failure of one sequence the others are aborted and the listener hears the failure alone.
 */
import type { EngineClient, TokenLogprobs } from '../engine/index.ts';
import type { EtapError } from '../errors.ts';
import type { TextModel } from '../text/index.ts';
import {
  commandOf,
  type GenerationRequest,
  promptOf,
  promptTokenCount,
  sequenceCount,
} from './generation-request.ts';
import type { MessagePart, Progress } from './message-parts.ts';
import { type SequenceOutcome, SequenceText } from './sequence-text.ts';
import type { HttpMetrics, SequenceTimeline } from './server-deps.ts';

/** Hears one request; `index` counts all choices of the first prompt, then of the next. */
export type GenerationListener = {
  onPromptLogprobs(index: number, tokens: readonly TokenLogprobs[]): void;
  /** Parts that became certain, in order; none where only ids or counts are news. */
  onParts(index: number, parts: readonly MessagePart[], progress: Progress): void;
  onSequenceEnd(index: number, outcome: SequenceOutcome): void;
  /** Nothing follows. */
  onFailure(error: EtapError): void;
};

export type GenerationDeps = {
  readonly engine: EngineClient;
  readonly text: TextModel;
  readonly metrics: HttpMetrics;
};

type OpenSequence = { readonly id: number; readonly text: SequenceText };

export class Generation {
  readonly #deps: GenerationDeps;
  readonly #request: GenerationRequest;
  readonly #listener: GenerationListener;
  readonly #open = new Map<number, OpenSequence>();
  #failed = false;

  private constructor(
    deps: GenerationDeps,
    request: GenerationRequest,
    listener: GenerationListener,
  ) {
    this.#deps = deps;
    this.#request = request;
    this.#listener = listener;
  }

  /**
   * Starts every sequence, or none, and charges the key for its tokens. Throws EtapError
   * ETAP_ERR_RATE_LIMIT, ETAP_ERR_QUEUE_FULL, ETAP_ERR_ENGINE_NOT_READY.
   * The listener may hear of sequences that need no engine before this returns.
   */
  static start(
    deps: GenerationDeps,
    request: GenerationRequest,
    listener: GenerationListener,
  ): Generation {
    request.account.chargePrompt(promptTokenCount(request));
    const generation = new Generation(deps, request, listener);
    generation.#startAll();
    return generation;
  }

  /** The client is gone: ends what is open, and tells the listener nothing any more. */
  cancel(): void {
    for (const { text } of this.#open.values()) text.silence();
    this.abort();
    this.#open.clear();
  }

  /** Ends what is open; the listener hears ETAP_ERR_ABORTED. */
  abort(): void {
    for (const { id } of [...this.#open.values()]) this.#deps.engine.abort(id);
  }

  #startAll(): void {
    const count = sequenceCount(this.#request);
    const needsEngine = (index: number) =>
      promptOf(this.#request, index).maxTokens > 0 ||
      this.#request.prefillOnly ||
      this.#request.sampling.promptLogprobs !== null;
    const indices = Array.from({ length: count }, (_, index) => index);
    try {
      for (const index of indices.filter(needsEngine)) this.#startSequence(index);
    } catch (error) {
      this.cancel();
      throw error;
    }
    for (const index of indices.filter((index) => !needsEngine(index))) this.#endAtOnce(index);
  }

  #startSequence(index: number): void {
    const { engine, text, metrics } = this.#deps;
    const prompt = promptOf(this.#request, index);
    const command = commandOf(this.#request, index);
    const sequence = new SequenceText(this.#request, prompt, {
      text,
      timeline: this.#charged(
        metrics.startSequence({
          promptTokenCount: prompt.tokens.length,
          maxTokens: command.maxTokens,
          tenant: command.tenant,
        }),
      ),
      sink: {
        onPromptLogprobs: (tokens) => this.#listener.onPromptLogprobs(index, tokens),
        onParts: (parts, progress) => this.#listener.onParts(index, parts, progress),
        onEnd: (outcome) => {
          this.#open.delete(index);
          this.#listener.onSequenceEnd(index, outcome);
        },
        onFailure: (error) => this.#fail(index, error),
        onStopFound: () => engine.abort(id),
      },
    });
    const id = engine.generate(command, sequence);
    this.#open.set(index, { id, text: sequence });
  }

  /** Completion tokens cost the key what they cost the engine, whether or not the client stayed. */
  #charged(timeline: SequenceTimeline): SequenceTimeline {
    const { account } = this.#request;
    return {
      onToken: () => timeline.onToken(),
      onFinish: (finish) => {
        account.chargeCompletion(finish.completionTokenCount);
        timeline.onFinish(finish);
      },
    };
  }

  /** An echoed prompt without a completion. */
  #endAtOnce(index: number): void {
    this.#listener.onSequenceEnd(index, {
      finishReason: 'length',
      stopReason: null,
      promptTokenCount: promptOf(this.#request, index).tokens.length,
      cachedTokenCount: 0,
      completionTokenCount: 0,
      reasoningTokenCount: 0,
      finish: null,
    });
  }

  #fail(index: number, error: EtapError): void {
    this.#open.delete(index);
    if (this.#failed) return;
    this.#failed = true;
    this.cancel();
    this.#listener.onFailure(error);
  }
}
