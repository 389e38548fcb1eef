/** The Vercel AI SDK with its OpenAI-compatible provider, unmodified, over real sockets. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';
import { afterEach, describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import {
  MODEL,
  saying,
  type TestServer,
  type TestServerOptions,
  testServer,
} from '../../support/http-server.ts';
import { fencedCall, plainCall, toolCalls } from '../../support/model-output.ts';
import { listen } from '../../support/raw-client.ts';

const running: TestServer[] = [];
afterEach(async () => {
  for (const { app } of running.splice(0)) {
    app.server.closeAllConnections();
    await app.close();
  }
});

async function start(options: TestServerOptions = {}, fields: object = {}) {
  const server = testServer(options);
  running.push(server);
  const provider = createOpenAICompatible({
    name: 'etap',
    baseURL: `http://127.0.0.1:${await listen(server.app)}/v1`,
    apiKey: 'any',
    includeUsage: true,
    transformRequestBody: (body) => ({ ...body, ...fields }),
  });
  return { server, model: provider(MODEL) };
}

const THOUGHT = 'because</think>\n\nyes';
const weather = tool({
  description: 'Weather of a city',
  inputSchema: jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  }),
  execute: async ({ city }) => ({ sky: `sunny in ${city}` }),
});

/** Calls the tool for every question, and answers every result. */
const withTool = (call: string) =>
  ({
    script: ({ promptTokens }) => {
      const isAnswered = Buffer.from(promptTokens).toString().includes('[tool]');
      return [...Buffer.from(isAnswered ? 'It is sunny.' : toolCalls(call)), EOS_ID];
    },
  }) satisfies TestServerOptions;

describe('generateText', () => {
  it('has text, reason and usage', async () => {
    const { model } = await start({ script: saying('héllo 😀', EOS_ID) });
    const { text, finishReason, usage } = await generateText({ model, prompt: 'hi' });
    expect(text).toBe('héllo 😀');
    expect(finishReason).toBe('stop');
    expect(usage).toMatchObject({ inputTokens: 20, outputTokens: 12, totalTokens: 32 });
  });

  it('has the thought apart from the text, and its tokens', async () => {
    const { model } = await start({ script: saying(THOUGHT, EOS_ID) }, { thinking: true });
    const { text, reasoningText, usage } = await generateText({ model, prompt: 'hi' });
    expect({ text, reasoningText }).toEqual({ text: 'yes', reasoningText: 'because' });
    expect(usage.outputTokenDetails.reasoningTokens).toBe('because</think>'.length);
    expect(usage.inputTokenDetails.cacheReadTokens).toBe(0);
  });

  it.each([
    ['V3', fencedCall('weather', '{"city": "Oslo"}')],
    ['V3.1', plainCall('weather', '{"city": "Oslo"}')],
  ])('makes the round trip through a tool of %s', async (_, call) => {
    const { model } = await start(withTool(call));
    const result = await generateText({
      model,
      prompt: 'hi',
      tools: { weather },
      stopWhen: stepCountIs(3),
    });
    expect(result.text).toBe('It is sunny.');
    expect(result.steps).toHaveLength(2);
    expect(result.steps[0]?.finishReason).toBe('tool-calls');
    expect(result.steps[0]?.toolResults[0]).toMatchObject({
      toolName: 'weather',
      input: { city: 'Oslo' },
      output: { sky: 'sunny in Oslo' },
    });
  });

  it('tells an answer that was cut off', async () => {
    const { model } = await start({ script: saying('abcdef') });
    const { finishReason } = await generateText({ model, prompt: 'hi', maxOutputTokens: 3 });
    expect(finishReason).toBe('length');
  });

  it('gets errors with their status, their message and whether to retry', async () => {
    const { model, server } = await start();
    const call = generateText({ model, prompt: 'hi', temperature: 9, maxRetries: 0 });
    const error = await call.catch((reason: unknown) => reason);
    if (!APICallError.isInstance(error)) throw error;
    expect(error.statusCode).toBe(400);
    expect(error.message).toMatch(/^temperature: found 9/);
    expect(error.isRetryable).toBe(false);
    server.engine.capacity = 0;
    const refused = await generateText({ model, prompt: 'hi', maxRetries: 0 }).catch((e) => e);
    expect(refused).toMatchObject({ statusCode: 429, isRetryable: true });
  });
});

describe('streamText', () => {
  it('streams the thought and the text, in this order, with usage', async () => {
    const { model } = await start({ script: saying(THOUGHT, EOS_ID) }, { thinking: true });
    const result = streamText({ model, prompt: 'hi' });
    const kinds: string[] = [];
    let text = '';
    let thought = '';
    for await (const part of result.fullStream) {
      if (kinds.at(-1) !== part.type) kinds.push(part.type);
      if (part.type === 'text-delta') text += part.text;
      if (part.type === 'reasoning-delta') thought += part.text;
    }
    expect({ text, thought }).toEqual({ text: 'yes', thought: 'because' });
    expect(kinds.filter((kind) => kind.endsWith('-delta'))).toEqual([
      'reasoning-delta',
      'text-delta',
    ]);
    const usage = await result.usage;
    expect(usage.outputTokenDetails.reasoningTokens).toBe('because</think>'.length);
    expect(await result.finishReason).toBe('stop');
  });

  it('makes the round trip through a tool', async () => {
    const { model } = await start(withTool(fencedCall('weather', '{"city": "Oslo"}')));
    const result = streamText({
      model,
      prompt: 'hi',
      tools: { weather },
      stopWhen: stepCountIs(3),
    });
    const inputs: string[] = [];
    for await (const part of result.fullStream) {
      if (part.type === 'tool-input-delta') inputs.push(part.delta);
    }
    expect(inputs.join('')).toBe('{"city": "Oslo"}');
    expect(await result.text).toBe('It is sunny.');
    const [first] = await result.steps;
    expect(first?.toolCalls[0]).toMatchObject({ toolName: 'weather', input: { city: 'Oslo' } });
  });

  it('hears of a failure in the middle', async () => {
    const { model, server } = await start();
    const result = streamText({ model, prompt: 'hi', maxRetries: 0, onError: () => {} });
    const errors: unknown[] = [];
    for await (const part of result.fullStream) {
      if (part.type === 'start') {
        await expect.poll(() => server.engine.openCount, { timeout: 20_000 }).toBe(1);
        server.engine.emit(server.engine.last, ...Buffer.from('so '));
      }
      if (part.type === 'text-delta') server.engine.lose();
      if (part.type === 'error') errors.push(part.error);
    }
    expect(JSON.stringify(errors)).toContain('engine process was lost');
  });
});
