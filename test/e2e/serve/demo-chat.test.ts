/** The demo model over HTTP: it thinks, calls tools and answers from their results. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServedProcess } from '../../support/served-process.ts';

let server: ServedProcess;
let client: OpenAI;

beforeAll(async () => {
  server = await ServedProcess.start('--executor', 'native');
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any', maxRetries: 0 });
});

afterAll(async () => {
  server.cli.signal('SIGKILL');
  await server.cli.ended;
});

const model = 'demo';
const weather = {
  name: 'get_weather',
  description: 'Get the current weather',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  },
};

describe('the demo model', () => {
  it('thinks where it is told to, and not elsewhere', async () => {
    const ask = (fields: object) =>
      client.chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'What is 17 + 25?' }],
        temperature: 0,
        max_completion_tokens: 256,
        ...fields,
      });
    const thought = await ask({ reasoning_effort: 'high' });
    expect(thought.choices[0]?.message.content).toContain('42');
    expect(thought.choices[0]?.message).toMatchObject({
      reasoning_content: expect.stringMatching(/\S{2}/),
    });
    const tokens = thought.usage?.completion_tokens_details?.reasoning_tokens ?? 0;
    expect(tokens).toBeGreaterThan(1);
    expect(tokens).toBeLessThan(thought.usage?.completion_tokens ?? 0);
    const plain = await ask({});
    expect(plain.choices[0]?.message).toEqual({
      role: 'assistant',
      content: '42',
      refusal: null,
    });
    expect(plain.usage?.completion_tokens_details?.reasoning_tokens).toBe(0);
  });

  it('makes the round trip through a tool, whole and streamed', async () => {
    const asked: unknown[] = [];
    const body = {
      model,
      temperature: 0,
      max_completion_tokens: 128,
      messages: [{ role: 'user' as const, content: 'What is the weather in Oslo?' }],
      tools: [
        {
          type: 'function' as const,
          function: {
            ...weather,
            parse: JSON.parse,
            function: (args: unknown) => {
              asked.push(args);
              return '{"temperature": 7, "condition": "cloudy"}';
            },
          },
        },
      ],
    };
    const whole = await client.chat.completions.runTools(body).finalContent();
    const streamed = await client.chat.completions
      .runTools({ ...body, stream: true })
      .finalContent();
    expect(asked).toEqual([{ city: 'Oslo' }, { city: 'Oslo' }]);
    expect(whole).toMatch(/7 degrees and cloudy in Oslo/);
    expect(streamed).toBe(whole);
  });
});
