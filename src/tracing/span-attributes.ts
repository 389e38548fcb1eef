/** Attributes of spans: HTTP, and the conventions for generative AI, which are still in development. */
import type { Attributes } from '@opentelemetry/api';
import type { ExchangeTrace, GenerationTrace } from './exchange-trace.ts';

export const exchangeAttributes = (trace: ExchangeTrace): Attributes => ({
  'http.request.method': trace.method,
  'http.route': trace.route,
  'http.response.status_code': trace.status,
  'etap.request.id': trace.requestId,
  ...(trace.generation !== null && generationAttributes(trace.route, trace.generation)),
});

const generationAttributes = (route: string, generation: GenerationTrace): Attributes => ({
  'gen_ai.operation.name': route.includes('chat') ? 'chat' : 'text_completion',
  'gen_ai.provider.name': 'etap',
  'gen_ai.request.model': generation.model,
  'gen_ai.response.model': generation.model,
  'gen_ai.request.max_tokens': generation.maxTokens,
  'gen_ai.request.temperature': generation.temperature,
  'gen_ai.request.top_p': generation.topP,
  'gen_ai.request.seed': generation.seed,
  'gen_ai.usage.input_tokens': generation.promptTokens,
  'gen_ai.usage.output_tokens': generation.completionTokens,
  'gen_ai.response.finish_reasons': [...generation.finishReasons],
  'etap.usage.cached_tokens': generation.cachedTokens,
  'etap.tenant': generation.tenant,
  ...(generation.error !== null && { 'error.type': generation.error }),
});
