import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { ChatBody } from '../../../src/http/openai/index.ts';
import {
  DEFAULT_PARAMETERS,
  jsonProblem,
  requestBody,
} from '../../../src/web/chat/request-body.ts';

const MESSAGES = [{ role: 'user', content: 'hi' }] as const;
const bodyOf = (change: Partial<typeof DEFAULT_PARAMETERS>) =>
  requestBody({ ...DEFAULT_PARAMETERS, model: 'demo', ...change }, MESSAGES);

describe('requestBody', () => {
  it('says no more than was set', () => {
    expect(bodyOf({})).toEqual({
      model: 'demo',
      messages: MESSAGES,
      temperature: 0.6,
      top_p: 0.95,
      max_tokens: 512,
    });
  });

  it('has every field in the form that the server takes', () => {
    const body = bodyOf({
      seed: '7',
      stop: 'END\n\nSTOP',
      thinking: true,
      probabilities: true,
      tools: '[{"type":"function","function":{"name":"f"}}]',
      schema: '{"type":"object"}',
    });
    expect(body).toMatchObject({
      seed: 7,
      stop: ['END', 'STOP'],
      logprobs: true,
      top_logprobs: 5,
      chat_template_kwargs: { thinking: true },
      tools: [{ type: 'function', function: { name: 'f' } }],
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', strict: true, schema: { type: 'object' } },
      },
    });
    const { tools: _tools, response_format: _format, ...sampling } = body;
    expect(Value.Check(ChatBody, sampling)).toBe(true);
  });

  it('names the field whose JSON does not parse', () => {
    expect(() => bodyOf({ tools: '{' })).toThrow(/^Tools is not valid JSON: /);
    expect(() => bodyOf({ schema: 'x' })).toThrow(/^Schema is not valid JSON: /);
    expect(jsonProblem('Schema', 'x')).toMatch(/^Schema is not valid JSON/);
    expect(jsonProblem('Schema', ' ')).toBeNull();
    expect(jsonProblem('Schema', '{}')).toBeNull();
  });
});
