/** One sequence as text: detokenizes, reads message parts, and says in the client's terms how it ended. */
import type { FinishRecord, SequenceListener, TokenLogprobs } from '../engine/index.ts';
import { ERROR_TABLE, type ErrorCode, EtapError } from '../errors.ts';
import type { Detokenizer, TextModel } from '../text/index.ts';
import type { GenerationRequest, Prompt } from './generation-request.ts';
import type { MessagePart, Progress } from './message-parts.ts';
import { OutputReader, type ReadPart } from './output-reader.ts';
import type { SequenceTimeline } from './server-deps.ts';
import { type TextToken, TokenTrail } from './token-trail.ts';

export type SequenceOutcome = {
  /** `tool_calls` where calls were made; but `length`, always, where the text was cut off. */
  readonly finishReason: 'stop' | 'length' | 'tool_calls';
  /** The stop string, or the stop token that the client named; null otherwise. */
  readonly stopReason: string | number | null;
  readonly promptTokenCount: number;
  readonly cachedTokenCount: number;
  readonly completionTokenCount: number;
  /** Of the completion tokens, those up to the end of thinking. */
  readonly reasoningTokenCount: number;
  /** What the engine measured; null where it was not needed. */
  readonly finish: FinishRecord | null;
};

/** What a sequence tells; after `onEnd` or `onFailure` nothing follows. */
export type SequenceSink = {
  onPromptLogprobs(tokens: readonly TokenLogprobs[]): void;
  /** Parts that became certain, often one; none where only ids or counts are news. */
  onParts(parts: readonly MessagePart[], progress: Progress): void;
  onEnd(outcome: SequenceOutcome): void;
  onFailure(error: EtapError): void;
  /** The answer is complete: the engine need not go on. */
  onStopFound(): void;
};

const NONE: readonly never[] = [];

export class SequenceText implements SequenceListener {
  readonly #request: GenerationRequest;
  readonly #prompt: Prompt;
  readonly #timeline: SequenceTimeline;
  readonly #sink: SequenceSink;
  readonly #detokenizer: Detokenizer;
  readonly #reader: OutputReader;
  readonly #trail: TokenTrail | null;
  #ids: number[] = [];
  #tokenCount = 0;
  #reasoningTokenCount = 0;
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
    this.#reader = new OutputReader(request);
    this.#trail = request.wantsTokens ? new TokenTrail(text.tokenizer, request) : null;
  }

  onPromptLogprobs(tokens: readonly TokenLogprobs[]): void {
    this.#sink.onPromptLogprobs(tokens);
  }

  onToken(tokenId: number, logprobs: TokenLogprobs | null): void {
    if (this.#silent || this.#reader.stop !== null || this.#prompt.maxTokens === 0) return;
    this.#timeline.onToken();
    this.#push(tokenId, logprobs);
  }

  onFinish(finish: FinishRecord): void {
    if (this.#ended) return;
    this.#ended = true;
    const failed = finish.reason === 'error' || finish.reason === 'abort';
    if (this.#silent || (failed && this.#reader.stop === null)) {
      this.#timeline.onFinish(finish);
      if (!this.#silent) this.#sink.onFailure(finishError(finish));
      return;
    }
    if (this.#reader.stop === null) this.#pushRest(finish.stopTokenId);
    this.#timeline.onFinish(this.#reader.stop === null ? finish : { ...finish, reason: 'stop' });
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
    const wasThinking = this.#reader.insideThinking;
    // Text before the least number of tokens takes no part in a stop string.
    const parts = this.#reader.push(text, this.#tokenCount > this.#request.minTokens);
    if (wasThinking || this.#reader.insideThinking) this.#reasoningTokenCount++;
    this.#tell(parts);
    if (this.#reader.stop !== null && !this.#ended) this.#sink.onStopFound();
  }

  #tell(read: readonly ReadPart[], rest: readonly TextToken[] = NONE): void {
    const parts = read.map((part) => this.#withTokens(part));
    if (rest.length > 0) parts.push({ kind: 'content', text: '', tokens: rest });
    if (parts.length === 0 && this.#ids.length === 0) return;
    const ids = this.#ids;
    if (ids.length > 0) this.#ids = [];
    this.#sink.onParts(parts, {
      tokenCount: this.#tokenCount,
      reasoningTokenCount: this.#reasoningTokenCount,
      ids,
    });
  }

  #withTokens(part: ReadPart): MessagePart {
    if (part.kind !== 'content') return part;
    const { kind, text, start } = part;
    return { kind, text, tokens: this.#trail?.cover(start, text) ?? NONE };
  }

  /** What waited for more, once the engine is done. */
  #pushRest(stopTokenId: number | null): void {
    if (this.#prompt.maxTokens === 0) return;
    let rest = '';
    if (stopTokenId !== null) {
      if (this.#trail !== null) this.#ids.push(stopTokenId);
      if (this.#request.includeStop) rest = this.#detokenizer.push(stopTokenId);
    }
    rest += this.#detokenizer.flush();
    this.#tell([...this.#reader.push(rest, true), ...this.#reader.finish()]);
    // All of a raw text's tokens are shown, also those without a character of their own.
    const isWholeText = this.#request.message === null && this.#reader.stop === null;
    if (isWholeText && this.#trail !== null) this.#tell(NONE, this.#trail.rest());
  }

  #outcome(finish: FinishRecord): SequenceOutcome {
    const { maxTokens } = this.#prompt;
    const { stop, callCount } = this.#reader;
    const stopTokenId = stop === null && maxTokens > 0 ? finish.stopTokenId : null;
    const named = stopTokenId !== null && this.#request.namedStopTokenIds.has(stopTokenId);
    const stopped = maxTokens > 0 && (stop !== null || finish.reason === 'stop');
    const whole = callCount > 0 ? 'tool_calls' : 'stop';
    return {
      finishReason: stopped ? whole : 'length',
      stopReason: stop?.stopString ?? (named ? stopTokenId : null),
      promptTokenCount: this.#prompt.tokens.length,
      cachedTokenCount: finish.cachedTokenCount,
      completionTokenCount: this.#tokenCount + (stopTokenId === null ? 0 : 1),
      reasoningTokenCount: this.#reasoningTokenCount,
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
