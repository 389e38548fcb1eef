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

  it('calls what it must, with arguments of the schema', async () => {
    const ask = (fields: object) =>
      client.chat.completions.create({
        model,
        messages: [{ role: 'user', content: 'Hello!' }],
        max_completion_tokens: 128,
        temperature: 1,
        seed: 5,
        ...fields,
      });
    const unit = { type: 'string', enum: ['celsius', 'fahrenheit'] };
    const parameters = {
      type: 'object',
      properties: { unit },
      required: ['unit'],
      additionalProperties: false,
    };
    const tools = ['get_weather', 'get_time'].map((name) => ({
      type: 'function',
      function: { name, parameters },
    }));
    const callsOf = async (fields: object) => {
      const [choice] = (await ask({ tools, ...fields })).choices;
      expect(choice?.finish_reason).toBe('tool_calls');
      expect(choice?.message.content).toBeNull();
      return choice?.message.tool_calls ?? [];
    };
    const named = { type: 'function', function: { name: 'get_time' } };
    for (const fields of [
      { tool_choice: 'required', parallel_tool_calls: false },
      { tool_choice: named },
      { tool_choice: named, reasoning_effort: 'high' },
    ]) {
      const calls = await callsOf(fields);
      expect(calls).toHaveLength(1);
      for (const call of calls) {
        if (call.type !== 'function') throw new Error('no function');
        expect(['celsius', 'fahrenheit']).toContain(JSON.parse(call.function.arguments).unit);
        if (fields.tool_choice === named) expect(call.function.name).toBe('get_time');
      }
    }
  });
});
