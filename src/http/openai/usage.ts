/** The `usage` object of an answer. */
import { type GenerationRequest, sequenceCount } from '../generation-request.ts';
import type { Progress } from '../message-parts.ts';
import type { SequenceOutcome } from '../sequence-text.ts';

export type Usage = {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
  readonly completion_tokens_details: { readonly reasoning_tokens: number };
};

export class UsageMeter {
  readonly #promptTokens: number;
  readonly #completionsPerPrompt: number;
  readonly #completionTokens: number[];
  readonly #reasoningTokens: number[];
  #cachedTokens = 0;

  constructor(request: GenerationRequest) {
    this.#promptTokens = request.prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    this.#completionsPerPrompt = request.completionsPerPrompt;
    this.#completionTokens = new Array(sequenceCount(request)).fill(0);
    this.#reasoningTokens = new Array(sequenceCount(request)).fill(0);
  }

  onProgress(index: number, { tokenCount, reasoningTokenCount }: Progress): void {
    this.#completionTokens[index] = tokenCount;
    this.#reasoningTokens[index] = reasoningTokenCount;
  }

  onEnd(index: number, outcome: SequenceOutcome): void {
    this.#completionTokens[index] = outcome.completionTokenCount;
    this.#reasoningTokens[index] = outcome.reasoningTokenCount;
    // Further choices of a prompt find it cached by the first; that is no saving to report.
    if (index % this.#completionsPerPrompt === 0) this.#cachedTokens += outcome.cachedTokenCount;
  }

  /** Of what was generated so far. */
  usage(): Usage {
    const completionTokens = total(this.#completionTokens);
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: completionTokens,
      total_tokens: this.#promptTokens + completionTokens,
      prompt_tokens_details: { cached_tokens: this.#cachedTokens },
      completion_tokens_details: { reasoning_tokens: total(this.#reasoningTokens) },
    };
  }
}

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
