/** One sequence as text: detokenizes, finds stop strings, and says in the client's terms how it ended. */
import type { FinishRecord, SequenceListener, TokenLogprobs } from '../engine/index.ts';
import { ERROR_TABLE, type ErrorCode, EtapError } from '../errors.ts';
import { type Detokenizer, StopMatcher, type TextModel } from '../text/index.ts';
import type { GenerationRequest, Prompt } from './generation-request.ts';
import type { SequenceTimeline } from './server-deps.ts';
import { type TextToken, TokenTrail } from './token-trail.ts';

/** Tokens that became visible, for requests with `wantsTokens`. */
export type TokenDetail = {
  /** Tokens that the text shown so far covers. */
  readonly tokens: readonly TextToken[];
  /** Every generated id, also those of a stop string that the text leaves out. */
  readonly ids: readonly number[];
};

export type SequenceOutcome = {
  readonly finishReason: 'stop' | 'length';
  /** The stop string, or the stop token that the client named; null otherwise. */
  readonly stopReason: string | number | null;
  readonly promptTokenCount: number;
  readonly cachedTokenCount: number;
  readonly completionTokenCount: number;
  /** What the engine measured; null where it was not needed. */
  readonly finish: FinishRecord | null;
};

/** What a sequence tells; after `onEnd` or `onFailure` nothing follows. */
export type SequenceSink = {
  onPromptLogprobs(tokens: readonly TokenLogprobs[]): void;
  /** `text` may be '' where only tokens became visible; `tokenCount` tokens were generated so far. */
  onText(text: string, tokenCount: number, detail: TokenDetail | null): void;
  onEnd(outcome: SequenceOutcome): void;
  onFailure(error: EtapError): void;
  /** A stop string was found: the engine need not go on. */
  onStopFound(): void;
};

export class SequenceText implements SequenceListener {
  readonly #request: GenerationRequest;
  readonly #prompt: Prompt;
  readonly #timeline: SequenceTimeline;
  readonly #sink: SequenceSink;
  readonly #detokenizer: Detokenizer;
  readonly #matcher: StopMatcher | null;
  readonly #trail: TokenTrail | null;
  #ids: number[] = [];
  #tokenCount = 0;
  /** The stop string that ended the text. */
  #stop: string | null = null;
  #ended = false;
  #silent = false;

  constructor(
    request: GenerationRequest,
    prompt: Prompt,
    parts: {
      readonly text: TextModel;
      readonly timeline: SequenceTimeline;
      readonly sink: SequenceSink;
    },
  ) {
    const { text, timeline, sink } = parts;
    this.#request = request;
    this.#prompt = prompt;
    this.#timeline = timeline;
    this.#sink = sink;
    this.#detokenizer = text.createDetokenizer(request);
    this.#matcher = request.stopStrings.length > 0 ? new StopMatcher(request.stopStrings) : null;
    this.#trail = request.wantsTokens ? new TokenTrail(text.tokenizer, request) : null;
  }

  onPromptLogprobs(tokens: readonly TokenLogprobs[]): void {
    this.#sink.onPromptLogprobs(tokens);
  }

  onToken(tokenId: number, logprobs: TokenLogprobs | null): void {
    if (this.#silent || this.#stop !== null || this.#prompt.maxTokens === 0) return;
    this.#timeline.onToken();
    this.#push(tokenId, logprobs);
  }

  onFinish(finish: FinishRecord): void {
    if (this.#ended) return;
    this.#ended = true;
    const failed = finish.reason === 'error' || finish.reason === 'abort';
    if (this.#silent || (failed && this.#stop === null)) {
      this.#timeline.onFinish(finish);
      if (!this.#silent) this.#sink.onFailure(finishError(finish));
      return;
    }
    if (this.#stop === null) this.#pushRest(finish.stopTokenId);
    this.#timeline.onFinish(this.#stop === null ? finish : { ...finish, reason: 'stop' });
    this.#sink.onEnd(this.#outcome(finish));
  }

  /** The client does not want the rest: the sink hears nothing any more. */
  silence(): void {
    this.#silent = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  #push(tokenId: number, logprobs: TokenLogprobs | null): void {
    this.#tokenCount++;
    const text = this.#detokenizer.push(tokenId);
    if (this.#trail !== null) {
      this.#trail.add(tokenId, logprobs);
      this.#ids.push(tokenId);
    }
    // Text before the least number of tokens is shown as it is and takes no part in a stop string.
    if (this.#matcher === null || this.#tokenCount <= this.#request.minTokens) this.#show(text);
    else if (text !== '') this.#match(this.#matcher, text);
  }

  #match(matcher: StopMatcher, certain: string): void {
    const { text, stop } = matcher.push(certain);
    this.#stop = stop;
    this.#show(stop !== null && this.#request.includeStop ? text + stop : text);
    if (stop !== null && !this.#ended) this.#sink.onStopFound();
  }

  #show(text: string): void {
    if (this.#trail === null) {
      if (text !== '') this.#sink.onText(text, this.#tokenCount, null);
      return;
    }
    this.#tell(text, this.#trail.show(text));
  }

  #tell(text: string, tokens: readonly TextToken[]): void {
    if (text === '' && tokens.length === 0 && this.#ids.length === 0) return;
    const ids = this.#ids;
    this.#ids = [];
    this.#sink.onText(text, this.#tokenCount, { tokens, ids });
  }

  /** What waited for more, once the engine is done. */
  #pushRest(stopTokenId: number | null): void {
    if (this.#prompt.maxTokens === 0) return;
    let rest = '';
    if (stopTokenId !== null) {
      this.#ids.push(stopTokenId);
      if (this.#request.includeStop) rest = this.#detokenizer.push(stopTokenId);
    }
    rest += this.#detokenizer.flush();
    if (this.#matcher !== null) {
      this.#match(this.#matcher, rest);
      if (this.#stop !== null) return;
      rest = this.#matcher.flush();
    }
    this.#show(rest);
    if (this.#trail !== null) this.#tell('', this.#trail.rest());
  }

  #outcome(finish: FinishRecord): SequenceOutcome {
    const { maxTokens } = this.#prompt;
    const stopTokenId = this.#stop === null && maxTokens > 0 ? finish.stopTokenId : null;
    const named = stopTokenId !== null && this.#request.namedStopTokenIds.has(stopTokenId);
    const stopped = this.#stop !== null || finish.reason === 'stop';
    return {
      finishReason: stopped && maxTokens > 0 ? 'stop' : 'length',
      stopReason: this.#stop ?? (named ? stopTokenId : null),
      promptTokenCount: this.#prompt.tokens.length,
      cachedTokenCount: finish.cachedTokenCount,
      completionTokenCount: this.#tokenCount + (stopTokenId === null ? 0 : 1),
      finish,
    };
  }
}

/** The error of a sequence that ended without an answer. */
function finishError({ reason, errorCode, errorMessage }: FinishRecord): EtapError {
  if (reason === 'abort') {
    return new EtapError('ETAP_ERR_ABORTED', 'the request was aborted through /abort_request');
  }
  const known = errorCode !== null && errorCode in ERROR_TABLE;
  return new EtapError(
    known ? (errorCode as ErrorCode) : 'ETAP_ERR_INTERNAL',
    errorMessage ?? 'the engine ended this request with an error',
  );
}
