/** The request that a click on Send makes, and the same as code to copy. */
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
    ...(tools.trim() === '' ? {} : { tools: parsed('tools', tools) }),
    ...(schema.trim() === '' ? {} : { response_format: schemaFormat(parsed('schema', schema)) }),
    chat_template_kwargs: { thinking: parameters.thinking },
  };
}

function parsed(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`${field}: ${error instanceof Error ? error.message : error}`);
  }
}

function schemaFormat(schema: unknown): unknown {
  return { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } };
}

export type CodeLanguage = 'curl' | 'Python' | 'TypeScript';

/** A program that sends the same request. The key is read from the environment, never written out. */
export function asCode(
  language: CodeLanguage,
  body: Record<string, unknown>,
  origin: string,
): string {
  const json = JSON.stringify(body, null, 2);
  switch (language) {
    case 'curl':
      return [
        `curl ${origin}/v1/chat/completions \\`,
        "  -H 'content-type: application/json' \\",
        '  -H "authorization: Bearer $ETAP_API_KEY" \\',
        `  -d '${json.replaceAll("'", "'\\''")}'`,
      ].join('\n');
    case 'Python':
      return [
        'import json, os',
        'from openai import OpenAI',
        '',
        `client = OpenAI(base_url="${origin}/v1", api_key=os.environ.get("ETAP_API_KEY", "none"))`,
        `body = json.loads(r'''${json}''')`,
        'extra = {"chat_template_kwargs": body.pop("chat_template_kwargs")}',
        'answer = client.chat.completions.create(**body, extra_body=extra)',
        'print(answer.choices[0].message.content)',
      ].join('\n');
    case 'TypeScript':
      return [
        "import OpenAI from 'openai';",
        '',
        'const client = new OpenAI({',
        `  baseURL: '${origin}/v1',`,
        "  apiKey: process.env.ETAP_API_KEY ?? 'none',",
        '});',
        `const answer = await client.chat.completions.create(${json} as never);`,
        'console.log(answer.choices[0].message.content);',
      ].join('\n');
  }
}
