/** The response object, with every key that clients may read. */
import type { EtapError } from '../../errors.ts';
import type { GenerationRequest } from '../generation-request.ts';
import type { SequenceOutcome } from '../sequence-text.ts';
import type { OutputItem } from './items.ts';
import type { ResponsesBody } from './schema.ts';

export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

export type ResponseUsage = {
  readonly input_tokens: number;
  readonly input_tokens_details: {
    readonly cached_tokens: number;
    readonly cache_write_tokens: number;
  };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
  readonly total_tokens: number;
};

/** What changes while a response is made. */
export type ResponseState = {
  readonly status: ResponseStatus;
  readonly completed_at: number | null;
  readonly output: readonly OutputItem[];
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly incomplete_details: { readonly reason: string } | null;
  readonly usage: ResponseUsage | null;
};

export type ResponseResource = ResponseState & {
  readonly id: string;
  readonly object: 'response';
  readonly [field: string]: unknown;
};

export type ResponseHead = {
  readonly id: string;
  readonly created: number;
  readonly model: string;
};

/** What does not change. */
export const resourceHead = (
  { id, created, model }: ResponseHead,
  body: ResponsesBody,
  { sampling }: GenerationRequest,
) => ({
  id,
  object: 'response' as const,
  created_at: created,
  model,
  instructions: body.instructions ?? null,
  previous_response_id: body.previous_response_id ?? null,
  parallel_tool_calls: body.parallel_tool_calls ?? true,
  tool_choice: body.tool_choice ?? 'auto',
  tools: (body.tools ?? []).map(echoedTool),
  metadata: body.metadata ?? {},
  temperature: sampling.temperature,
  top_p: sampling.topP,
  presence_penalty: sampling.presencePenalty,
  frequency_penalty: sampling.frequencyPenalty,
  top_logprobs: body.top_logprobs ?? 0,
  reasoning: body.reasoning ?? null,
  text: { ...body.text, format: body.text?.format ?? { type: 'text' } },
  truncation: body.truncation ?? 'disabled',
  store: body.store ?? true,
  background: false,
  service_tier: 'default',
  user: body.user ?? null,
  max_output_tokens: body.max_output_tokens ?? null,
  max_tool_calls: body.max_tool_calls ?? null,
  safety_identifier: body.safety_identifier ?? null,
  prompt_cache_key: body.prompt_cache_key ?? null,
});

const echoedTool = (tool: object): object => ({
  description: null,
  parameters: null,
  strict: false,
  ...tool,
});

/** Writing to the prefix cache costs nothing beside, so that no token is counted for it. */
export const usageOf = (outcome: SequenceOutcome): ResponseUsage => ({
  input_tokens: outcome.promptTokenCount,
  input_tokens_details: { cached_tokens: outcome.cachedTokenCount, cache_write_tokens: 0 },
  output_tokens: outcome.completionTokenCount,
  output_tokens_details: { reasoning_tokens: outcome.reasoningTokenCount },
  total_tokens: outcome.promptTokenCount + outcome.completionTokenCount,
});

/** `error` of a failed response: its codes are fewer than ours. */
export const responseError = (error: EtapError) => ({
  code: error.type === 'rate_limit_error' ? 'rate_limit_exceeded' : 'server_error',
  message: error.message,
});
