/** The previous major of the official client, which many applications still have. */
import OpenAI, { BadRequestError, NotFoundError, RateLimitError } from 'openai5';
import { afterEach, describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { MODEL, saying, type TestServer, testServer } from '../../support/http-server.ts';
import { fencedCall, toolCalls } from '../../support/model-output.ts';
import { listen } from '../../support/raw-client.ts';
import type { Script } from '../../support/scripted-engine.ts';

const running: TestServer[] = [];
afterEach(async () => {
  for (const { app } of running.splice(0)) {
    app.server.closeAllConnections();
    await app.close();
  }
});

async function start(script?: Script) {
  const server = testServer(script === undefined ? {} : { script });
  running.push(server);
  const baseURL = `http://127.0.0.1:${await listen(server.app)}/v1`;
  return { ...server, client: new OpenAI({ baseURL, apiKey: 'any', maxRetries: 0 }) };
}

const messages = [{ role: 'user' as const, content: 'hi' }];
const model = MODEL;

describe('openai 5', () => {
  it('chats, with log-probabilities and usage', async () => {
    const { client } = await start(saying('héllo', EOS_ID));
    const answer = await client.chat.completions.create({ model, messages, logprobs: true });
    expect(answer.choices[0]?.message.content).toBe('héllo');
    expect(answer.choices[0]?.logprobs?.content).toHaveLength(6);
    expect(answer.usage?.completion_tokens_details?.reasoning_tokens).toBe(0);
  });

  it('streams a thought and an answer', async () => {
    const { client } = await start(saying('hm</think>yes', EOS_ID));
    const body = { model, messages, stream: true, thinking: true } as const;
    const stream = await client.chat.completions.create(body);
    let text = '';
    let thought = '';
    for await (const { choices } of stream) {
      const delta = choices[0]?.delta as { content?: string; reasoning_content?: string };
      text += delta.content ?? '';
      thought += delta.reasoning_content ?? '';
    }
    expect({ text, thought }).toEqual({ text: 'yes', thought: 'hm' });
  });

  it('runs tools, streamed, until there is an answer', async () => {
    const { client } = await start(({ promptTokens }) => {
      const isAnswered = Buffer.from(promptTokens).toString().includes('[tool]');
      const call = toolCalls(fencedCall('weather', '{"city": "Oslo"}'));
      return [...Buffer.from(isAnswered ? 'It is sunny.' : call), EOS_ID];
    });
    const asked: string[] = [];
    const runner = client.chat.completions.runTools({
      model,
      messages,
      stream: true,
      tools: [
        {
          type: 'function',
          function: {
            name: 'weather',
            description: 'Weather of a city',
            parameters: { type: 'object', properties: { city: { type: 'string' } } },
            parse: JSON.parse,
            function: ({ city }: { city: string }) => {
              asked.push(city);
              return 'sunny';
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe('It is sunny.');
    expect(asked).toEqual(['Oslo']);
  });

  it('raises its own error classes', async () => {
    const { client, engine } = await start();
    const ask = (fields: object) =>
      client.chat.completions.create({ model, messages, ...fields }).catch((e: unknown) => e);
    const bad = await ask({ temperature: 9 });
    expect(bad).toBeInstanceOf(BadRequestError);
    expect(bad).toMatchObject({ param: 'temperature', type: 'invalid_request_error' });
    expect(await ask({ model: 'none' })).toBeInstanceOf(NotFoundError);
    engine.capacity = 0;
    expect(await ask({})).toBeInstanceOf(RateLimitError);
  });
});
