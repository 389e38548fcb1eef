/** LangChain.js, unmodified, over real sockets. */
import { ChatOpenAI } from '@langchain/openai';
import { afterEach, describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { MODEL, saying, type TestServer, testServer } from '../../support/http-server.ts';
import { plainCall, toolCalls } from '../../support/model-output.ts';
import { listen } from '../../support/raw-client.ts';
import type { Script } from '../../support/scripted-engine.ts';

const running: TestServer[] = [];
afterEach(async () => {
  for (const { app } of running.splice(0)) {
    app.server.closeAllConnections();
    await app.close();
  }
});

async function start(script?: Script, modelKwargs: Record<string, unknown> = {}) {
  const server = testServer(script === undefined ? {} : { script });
  running.push(server);
  const baseURL = `http://127.0.0.1:${await listen(server.app)}/v1`;
  const model = new ChatOpenAI({
    model: MODEL,
    apiKey: 'any',
    configuration: { baseURL },
    maxRetries: 0,
    modelKwargs,
  });
  return { server, model };
}

const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    description: 'Weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};

describe('LangChain', () => {
  it('chats, with usage and log-probabilities', async () => {
    const { model } = await start(saying('héllo', EOS_ID), { logprobs: true });
    const answer = await model.invoke([['human', 'hi']]);
    expect(answer.content).toBe('héllo');
    expect(answer.usage_metadata).toMatchObject({ input_tokens: 20, output_tokens: 7 });
    const { logprobs } = answer.response_metadata as { logprobs: { content: unknown[] } };
    expect(logprobs.content).toHaveLength(6);
  });

  it('streams, without the thought in the text', async () => {
    const { model } = await start(saying('hm</think>yes', EOS_ID), { thinking: true });
    let text = '';
    for await (const chunk of await model.stream([['human', 'hi']])) text += chunk.content;
    expect(text).toBe('yes');
  });

  it('calls tools, streamed too, and answers from their results', async () => {
    const { model } = await start(({ promptTokens }) => {
      const isAnswered = Buffer.from(promptTokens).toString().includes('[tool]');
      const call = toolCalls(plainCall('weather', '{"city": "Oslo"}'));
      return [...Buffer.from(isAnswered ? 'It is sunny.' : call), EOS_ID];
    });
    const withTools = model.bindTools([weather]);
    const asking = await withTools.invoke([['human', 'hi']]);
    expect(asking.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Oslo' } }]);
    let streamed: typeof asking | undefined;
    for await (const chunk of await withTools.stream([['human', 'hi']])) {
      streamed = streamed === undefined ? chunk : streamed.concat(chunk);
    }
    expect(streamed?.tool_calls).toMatchObject([{ name: 'weather', args: { city: 'Oslo' } }]);
    const id = asking.tool_calls?.[0]?.id ?? '';
    const answer = await withTools.invoke([
      { role: 'user', content: 'hi' },
      asking,
      { role: 'tool', content: 'sunny', tool_call_id: id },
    ]);
    expect(answer.content).toBe('It is sunny.');
  });

  it('raises errors with their status and code', async () => {
    const { model } = await start(saying('x'), { temperature: 9 });
    await expect(model.invoke([['human', 'hi']])).rejects.toMatchObject({
      status: 400,
      param: 'temperature',
    });
  });
});
