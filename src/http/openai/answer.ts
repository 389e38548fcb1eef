/** What an answer says about itself and which parts of it the client asked for. */
import type { GenerationRequest } from '../generation-request.ts';

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
  /** A list `prompt_logprobs` was asked for. */
  readonly showPromptLogprobs: boolean;
  /** Tokens in log-probabilities are written `token_id:ID`. */
  readonly tokensAsIds: boolean;
};

type WireOptions = {
  readonly stream?: boolean | null;
  readonly stream_options?: {
    readonly include_usage?: boolean | null;
    readonly continuous_usage_stats?: boolean | null;
  } | null;
  readonly prompt_logprobs?: number | null;
  readonly return_token_ids?: boolean | null;
  readonly return_tokens_as_token_ids?: boolean | null;
};

export const answerOptions = (
  head: AnswerHead,
  request: GenerationRequest,
  body: WireOptions,
): AnswerOptions => ({
  head,
  request,
  includeUsage: body.stream_options?.include_usage === true,
  continuousUsage: body.stream_options?.continuous_usage_stats === true,
  showLogprobs: request.sampling.topLogprobs !== null,
  showTokenIds: body.return_token_ids === true,
  showPromptLogprobs: body.prompt_logprobs != null,
  tokensAsIds: body.return_tokens_as_token_ids === true,
});
