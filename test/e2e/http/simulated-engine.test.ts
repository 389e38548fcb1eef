/**
 * The whole way of a request but the model: the official client, HTTP, tokenizer and template of the
 * demo model, supervisor, loop and scheduler, over the simulated executor.
 */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildServer } from '../../../src/http/index.ts';
import { loadTextModel } from '../../../src/text/index.ts';
import { configFrom } from '../../support/engine-fixtures.ts';
import { CountingMetrics } from '../../support/http-server.ts';
import { inMemoryEngine } from '../../support/in-memory-engine.ts';
import { listen } from '../../support/raw-client.ts';

const MODEL = 'demo';
const COUNT = 128;
const TOKENS = 64;

const config = configFrom('--engine.executor', 'simulated', '--model.dir', 'models/demo');
const engine = inMemoryEngine(config);
const metrics = new CountingMetrics();
const app = buildServer({
  config,
  engine,
  text: loadTextModel('models/demo'),
  metrics,
  modelName: MODEL,
  version: 'test',
  apiKeys: [],
});
let client: OpenAI;

beforeAll(async () => {
  await engine.ready();
  const baseURL = `http://127.0.0.1:${await listen(app)}/v1`;
  client = new OpenAI({ baseURL, apiKey: 'any', maxRetries: 0 });
});

afterAll(async () => {
  app.server.closeAllConnections();
  await app.close();
  await engine.close();
});

const indices = Array.from({ length: COUNT }, (_, index) => index);
const stats = () => {
  if (engine.stats === null) throw new Error('no step was made');
  return engine.stats;
};

const fieldsOf = (index: number) => ({
  model: MODEL,
  messages: [{ role: 'user' as const, content: `Question ${index}: what is ${index} + 1?` }],
  max_tokens: TOKENS,
  seed: index,
  ignore_eos: true,
});

const open = (index: number) =>
  client.chat.completions.create({
    ...fieldsOf(index),
    stream: true,
    stream_options: { include_usage: true },
  });

async function readAll(index: number) {
  let text = '';
  let completionTokens = 0;
  const finishes: string[] = [];
  for await (const { choices, usage } of await open(index)) {
    text += choices[0]?.delta.content ?? '';
    if (choices[0]?.finish_reason) finishes.push(choices[0].finish_reason);
    completionTokens += usage?.completion_tokens ?? 0;
  }
  expect(finishes).toEqual(['length']);
  expect(completionTokens).toBe(TOKENS);
  return text;
}

/** Every block is free or kept for the prefix cache; nothing runs, nothing waits. */
async function expectIdle() {
  await expect.poll(() => stats().runningCount + stats().waitingCount).toBe(0);
  await expect.poll(() => stats().blocksUsed).toBe(0);
  expect(stats().blocksFree + stats().blocksCached).toBe(stats().blocksTotal);
  await expect.poll(() => app.drain.openRequestCount).toBe(0);
  expect(metrics.openStreams).toBe(0);
}

describe('128 streams over the real scheduler', () => {
  let texts: readonly string[] = [];

  it('each end once, and equal the answers that are not streamed', async () => {
    texts = await Promise.all(indices.map(readAll));
    expect(new Set(texts).size).toBe(COUNT);
    await expectIdle();
    for (const index of [0, 1, 77, 127]) {
      const whole = await client.chat.completions.create(fieldsOf(index));
      expect(whole.choices[0]?.message.content).toBe(texts[index]);
      expect(whole.usage?.prompt_tokens_details).toBeDefined();
    }
  });

  it('of which every second vanishes cost at most two tokens each, and free their blocks', async () => {
    await expectIdle();
    const before = stats().decodeTokens;
    const toldBefore = metrics.tokens;
    const leave = async (index: number) => {
      let seen = 0;
      for await (const _chunk of await open(index)) if (++seen > index / 4) break;
    };
    const odd = indices.filter((index) => index % 2 === 1);
    const even = indices.filter((index) => index % 2 === 0);
    const [kept] = await Promise.all([Promise.all(even.map(readAll)), Promise.all(odd.map(leave))]);
    expect(kept).toEqual(even.map((index) => texts[index]));
    await expectIdle();
    const told = metrics.tokens - toldBefore;
    expect(stats().decodeTokens - before).toBeLessThanOrEqual(told + 2 * odd.length);
  });

  it('that are aborted before they start free everything too', async () => {
    const streams = await Promise.allSettled(
      indices.map(async (index) => {
        const aborter = new AbortController();
        const answer = client.chat.completions.create(fieldsOf(index), { signal: aborter.signal });
        if (index % 3 === 0) setImmediate(() => aborter.abort());
        else aborter.abort();
        await answer;
      }),
    );
    expect(streams.every(({ status }) => status === 'rejected')).toBe(true);
    await expectIdle();
  });
});
