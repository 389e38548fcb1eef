/** The official `openai` client, unmodified, against the server over real sockets. */
import OpenAI, {
  APIConnectionError,
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import {
  MODEL,
  saying,
  type TestServer,
  type TestServerOptions,
  testServer,
} from '../../support/http-server.ts';
import { listen } from '../../support/raw-client.ts';

type Running = TestServer & { readonly client: OpenAI; readonly baseURL: string };

const running: TestServer[] = [];
afterEach(async () => {
  for (const { app } of running.splice(0)) {
    app.server.closeAllConnections();
    await app.close();
  }
});

async function start(options: TestServerOptions = {}): Promise<Running> {
  const server = testServer(options);
  running.push(server);
  const baseURL = `http://127.0.0.1:${await listen(server.app)}/v1`;
  return { ...server, baseURL, client: new OpenAI({ baseURL, apiKey: 'any', maxRetries: 0 }) };
}

const messages = [{ role: 'user' as const, content: 'hi' }];
const TEXT = 'héllo wörld 😀';
const BYTES = Buffer.byteLength(TEXT);

describe('models', () => {
  it('are listed and retrieved', async () => {
    const { client } = await start();
    const list = await client.models.list();
    expect(list.data.map(({ id }) => id)).toEqual([MODEL]);
    expect((await client.models.retrieve(MODEL)).object).toBe('model');
    await expect(client.models.retrieve('other')).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe('completions', () => {
  it('answer several prompts with several choices', async () => {
    const { client } = await start({ script: saying(TEXT, EOS_ID) });
    const answer = await client.completions.create({
      model: MODEL,
      prompt: ['a', 'b'],
      n: 2,
      max_tokens: 100,
    });
    expect(answer.choices.map(({ index, text }) => [index, text])).toEqual(
      [0, 1, 2, 3].map((index) => [index, TEXT]),
    );
    expect(answer.usage).toMatchObject({
      prompt_tokens: 4,
      completion_tokens: 4 * (BYTES + 1),
      prompt_tokens_details: { cached_tokens: 0 },
    });
  });

  it('stream', async () => {
    const { client } = await start({ script: saying(TEXT) });
    const stream = await client.completions.create({
      model: MODEL,
      prompt: 'a',
      max_tokens: 100,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let usage = 0;
    const reasons: string[] = [];
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      text += choice?.text ?? '';
      if (choice?.finish_reason) reasons.push(choice.finish_reason);
      usage = chunk.usage?.completion_tokens ?? usage;
    }
    expect(text).toBe(TEXT);
    expect(reasons).toEqual(['length']);
    expect(usage).toBe(BYTES);
  });

  it('show log-probabilities', async () => {
    const { client } = await start({ script: saying('ab') });
    const answer = await client.completions.create({ model: MODEL, prompt: 'x', logprobs: 2 });
    expect(answer.choices[0]?.logprobs).toEqual({
      text_offset: [0, 1],
      token_logprobs: [-0.5, -0.5],
      tokens: ['a', 'b'],
      top_logprobs: [
        { a: -0.5, b: -1.5 },
        { b: -0.5, c: -1.5 },
      ],
    });
  });
});

describe('chats', () => {
  it('answer, with the id of the request', async () => {
    const { client } = await start({ script: saying(TEXT, EOS_ID) });
    const answer = await client.chat.completions.create(
      { model: MODEL, messages },
      { headers: { 'x-request-id': 'mine' } },
    );
    expect(answer._request_id).toBe('mine');
    expect(answer.object).toBe('chat.completion');
    expect(answer.choices[0]).toMatchObject({
      message: { role: 'assistant', content: TEXT, refusal: null },
      finish_reason: 'stop',
    });
    expect(answer.usage?.total_tokens).toBe(20 + BYTES + 1);
  });

  it('stream through the runner to the same answer', async () => {
    const { client } = await start({ script: saying(TEXT, EOS_ID) });
    const fields = { model: MODEL, messages, n: 2, logprobs: true, top_logprobs: 2 };
    const whole = await client.chat.completions.create(fields);
    const runner = client.chat.completions.stream({
      ...fields,
      stream_options: { include_usage: true },
    });
    const final = await runner.finalChatCompletion();
    expect(final.choices.map(({ message }) => message.content)).toEqual([TEXT, TEXT]);
    expect(final.choices.map((choice) => choice.finish_reason)).toEqual(['stop', 'stop']);
    expect(final.choices.map(({ logprobs }) => logprobs?.content)).toEqual(
      whole.choices.map(({ logprobs }) => logprobs?.content),
    );
    expect(final.usage).toEqual(whole.usage);
  });

  it('end when the reader leaves', async () => {
    const { client, engine } = await start();
    const stream = await startedStream(client, engine);
    stream.controller.abort();
    await expect.poll(() => engine.openCount).toBe(0);
    expect(engine.abortedIds).toHaveLength(1);
  });

  it('raise what goes wrong in the middle of a stream', async () => {
    const { client, engine } = await start();
    const stream = await startedStream(client, engine);
    engine.lose();
    const failure = await drain(stream).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(APIError);
    expect(failure).toMatchObject({ code: 'engine_lost', type: 'server_error', status: undefined });
  });
});

/** A stream whose first text has arrived. */
async function startedStream(client: OpenAI, engine: Running['engine']) {
  const opening = client.chat.completions.create({ model: MODEL, messages, stream: true });
  await expect.poll(() => engine.openCount).toBe(1);
  engine.emit(engine.last, ...Buffer.from('a'));
  return opening;
}

async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _chunk of stream) count++;
  return count;
}

describe('errors', () => {
  const ask = (client: OpenAI, fields: object = {}) =>
    client.chat.completions.create({ model: MODEL, messages, ...fields });

  it('become the classes of the client', async () => {
    const { client, engine, baseURL } = await start({ deps: { apiKeys: ['right'] } });
    const right = new OpenAI({ baseURL, apiKey: 'right', maxRetries: 0 });
    await expect(ask(client)).rejects.toBeInstanceOf(AuthenticationError);
    await expect(ask(right, { model: 'none' })).rejects.toBeInstanceOf(NotFoundError);
    const bad = await ask(right, { temperature: 9 }).catch((error: unknown) => error);
    expect(bad).toBeInstanceOf(BadRequestError);
    expect(bad).toMatchObject({
      status: 400,
      param: 'temperature',
      type: 'invalid_request_error',
      message: '400 temperature: found 9, allowed is a number from 0 to 2 or null',
      requestID: expect.stringMatching(/^req_/),
    });
    await expect(ask(right, { max_tokens: 10_000 })).rejects.toMatchObject({
      code: 'context_length_exceeded',
    });
    engine.capacity = 0;
    await expect(ask(right)).rejects.toBeInstanceOf(RateLimitError);
    engine.state = 'restarting';
    await expect(ask(right)).rejects.toBeInstanceOf(InternalServerError);
  });

  it('that pass are retried by the client', async () => {
    const { engine, baseURL } = await start({ script: saying('ok', EOS_ID) });
    const client = new OpenAI({ baseURL, apiKey: 'any', maxRetries: 1 });
    engine.capacity = 0;
    const answer = ask(client);
    await expect.poll(() => running[0]?.metrics.exchanges.length).toBe(1);
    engine.capacity = 1;
    expect((await answer).choices[0]?.message.content).toBe('ok');
  });

  it('of a request aborted by name are not retried', async () => {
    const { engine, baseURL, metrics } = await start();
    const client = new OpenAI({ baseURL, apiKey: 'any', maxRetries: 2 });
    const answer = ask(client, { request_id: 'r' }).catch((error: unknown) => error);
    await expect.poll(() => engine.openCount).toBe(1);
    await client.post('/../abort_request', { body: { rid: 'r' } });
    expect(await answer).toMatchObject({ status: 409, code: 'request_aborted' });
    expect(metrics.exchanges.filter(({ status }) => status === 409)).toHaveLength(1);
  });

  it('of a server that is gone are connection errors', async () => {
    const { client, app } = await start();
    await app.close();
    await expect(ask(client)).rejects.toBeInstanceOf(APIConnectionError);
  });
});

describe('128 streams at once', () => {
  const COUNT = 128;
  const LENGTH = 200;
  /** Each says its own prompt again and again. */
  const script = ({ promptTokens }: { readonly promptTokens: Int32Array }) =>
    Array.from({ length: LENGTH }, (_, index) => promptTokens[1 + (index % 3)] ?? 0);
  const word = (index: number) => `${index}`.padStart(3, '0');

  const open = (client: OpenAI, index: number) =>
    client.completions.create({
      model: MODEL,
      prompt: word(index),
      max_tokens: LENGTH,
      stream: true,
      stream_options: { include_usage: true },
    });

  async function readAll(client: OpenAI, index: number) {
    let text = '';
    let completionTokens = 0;
    let finishes = 0;
    for await (const { choices, usage } of await open(client, index)) {
      text += choices[0]?.text ?? '';
      if (choices[0]?.finish_reason) finishes++;
      completionTokens += usage?.completion_tokens ?? 0;
    }
    return { text, completionTokens, finishes };
  }

  const whole = (index: number) => ({
    text: word(index).repeat(LENGTH).slice(0, LENGTH),
    completionTokens: LENGTH,
    finishes: 1,
  });

  const indices = Array.from({ length: COUNT }, (_, index) => index);

  it('each end once, with their own text and usage', async () => {
    const { client, engine, metrics } = await start({ script });
    const answers = await Promise.all(indices.map((index) => readAll(client, index)));
    expect(answers).toEqual(indices.map(whole));
    expect(engine.openCount).toBe(0);
    await expect.poll(() => metrics.openStreams).toBe(0);
    expect(metrics.tokens).toBe(COUNT * LENGTH);
    expect(metrics.finishReasons).toEqual(Array(COUNT).fill('length'));
  });

  it('of which every second reader vanishes leave nothing open, and the others end well', async () => {
    const { client, engine, metrics, app } = await start({ script });
    const leave = async (index: number) => {
      const stream = await open(client, index);
      let seen = 0;
      for await (const _chunk of stream) if (++seen > index / 2) break;
    };
    const [kept] = await Promise.all([
      Promise.all(
        indices.filter((index) => index % 2 === 0).map((index) => readAll(client, index)),
      ),
      Promise.all(indices.filter((index) => index % 2 === 1).map(leave)),
    ]);
    expect(kept).toEqual(indices.filter((index) => index % 2 === 0).map(whole));
    await expect.poll(() => engine.openCount).toBe(0);
    await expect.poll(() => metrics.openStreams).toBe(0);
    await expect.poll(() => app.drain.openRequestCount).toBe(0);
    expect(metrics.finishReasons).toHaveLength(COUNT);
  });
});
