/** The request that a click on Send makes. */
import type { WireMessage } from '../api/types.ts';

export type Parameters = {
  readonly model: string;
  readonly system: string;
  readonly temperature: number;
  readonly topP: number;
  readonly maxTokens: number;
  readonly seed: string;
  readonly stop: string;
  readonly thinking: boolean;
  readonly probabilities: boolean;
  /** JSON text of a tools array; empty for none. */
  readonly tools: string;
  /** JSON text of a schema for the answer; empty for none. */
  readonly schema: string;
};

export const DEFAULT_PARAMETERS: Parameters = {
  model: '',
  system: '',
  temperature: 0.6,
  topP: 0.95,
  maxTokens: 512,
  seed: '',
  stop: '',
  thinking: false,
  probabilities: false,
  tools: '',
  schema: '',
};

const TOP_PROBABILITIES = 5;

/** Throws SyntaxError with the name of the field whose JSON does not parse. */
export function requestBody(
  parameters: Parameters,
  messages: readonly WireMessage[],
): Record<string, unknown> {
  const { seed, stop, tools, schema } = parameters;
  const stops = stop.split('\n').filter((line) => line !== '');
  return {
    model: parameters.model,
    messages,
    temperature: parameters.temperature,
    top_p: parameters.topP,
    max_tokens: parameters.maxTokens,
    ...(seed.trim() === '' ? {} : { seed: Number(seed) }),
    ...(stops.length === 0 ? {} : { stop: stops }),
    ...(parameters.probabilities ? { logprobs: true, top_logprobs: TOP_PROBABILITIES } : {}),
    ...(tools.trim() === '' ? {} : { tools: parsed('Tools', tools) }),
    ...(schema.trim() === '' ? {} : { response_format: schemaFormat(parsed('Schema', schema)) }),
    ...(parameters.thinking ? { chat_template_kwargs: { thinking: true } } : {}),
  };
}

/** What is wrong with the JSON of a field; null when nothing is. */
export function jsonProblem(field: string, text: string): string | null {
  try {
    if (text.trim() !== '') parsed(field, text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parsed(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new SyntaxError(`${field} is not valid JSON: ${reason}`);
  }
}

function schemaFormat(schema: unknown): unknown {
  return { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } };
}
