/** What an answer says about itself and which parts of it the client asked for. */
import type { Tokenizer } from '../../text/index.ts';
import type { GenerationRequest } from '../generation-request.ts';
import type { LogprobStyle } from './logprobs.ts';

export type AnswerHead = {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
  readonly fingerprint: string;
};

export type AnswerOptions = {
  readonly head: AnswerHead;
  readonly request: GenerationRequest;
  /** One more chunk with the usage at the end of a stream. */
  readonly includeUsage: boolean;
  /** Usage on every chunk of a stream. */
  readonly continuousUsage: boolean;
  readonly showLogprobs: boolean;
  readonly showTokenIds: boolean;
  readonly style: LogprobStyle;
  /** How `prompt_logprobs` is written; null where the client did not ask for it. */
  readonly promptStyle: LogprobStyle | null;
};

/** Fields of a body that decide how its answer is sent, and by which names it is found. */
export type AnswerBody = {
  readonly stream?: boolean | null;
  readonly stream_options?: {
    readonly include_usage?: boolean | null;
    readonly continuous_usage_stats?: boolean | null;
  } | null;
  readonly prompt_logprobs?: number | null;
  readonly return_token_ids?: boolean | null;
  readonly return_tokens_as_token_ids?: boolean | null;
  readonly request_id?: string | null;
  readonly rid?: string | null;
};

export const answerOptions = (
  parts: {
    readonly head: AnswerHead;
    readonly request: GenerationRequest;
    readonly tokenizer: Tokenizer;
  },
  body: AnswerBody,
): AnswerOptions => ({
  head: parts.head,
  request: parts.request,
  includeUsage: body.stream_options?.include_usage === true,
  continuousUsage: body.stream_options?.continuous_usage_stats === true,
  showLogprobs: parts.request.sampling.topLogprobs !== null,
  showTokenIds: body.return_token_ids === true,
  style: logprobStyle(parts.request.sampling.topLogprobs ?? 0, parts.tokenizer, body),
  promptStyle:
    body.prompt_logprobs == null ? null : logprobStyle(body.prompt_logprobs, parts.tokenizer, body),
});

const logprobStyle = (topCount: number, tokenizer: Tokenizer, body: AnswerBody): LogprobStyle => ({
  topCount,
  tokenizer,
  tokensAsIds: body.return_tokens_as_token_ids === true,
});
