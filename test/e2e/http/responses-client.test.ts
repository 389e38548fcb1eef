/** The official `openai` client on /v1/responses, over HTTP and over its WebSocket class. */
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import type { ResponsesServerEvent } from 'openai/resources/responses/responses';
import { ResponsesWS } from 'openai/resources/responses/ws';
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

type Running = TestServer & { readonly client: OpenAI; readonly port: number };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function start(options: TestServerOptions = {}, port = 0): Promise<Running> {
  const server = testServer(options);
  const listening = await listen(server.app, port);
  cleanups.push(async () => {
    server.app.server.closeAllConnections();
    await server.app.close();
  });
  return { ...server, port: listening, client: clientOf(listening) };
}

const clientOf = (port: number) =>
  new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'any', maxRetries: 0 });

const TEXT = 'héllo wörld 😀';
const BYTES = Buffer.byteLength(TEXT);

/** The prompt that the engine was asked last. */
const lastPrompt = ({ engine }: Running): string =>
  Buffer.from(engine.last.command.promptTokens.slice(1)).toString();

describe('responses', () => {
  it('are made, with every field that clients read', async () => {
    const { client } = await start({ script: saying(TEXT, EOS_ID) });
    const response = await client.responses.create({
      model: MODEL,
      input: 'hi',
      instructions: 'be short',
      metadata: { a: 'b' },
      temperature: 0.5,
      max_output_tokens: 100,
    });
    expect(response.output_text).toBe(TEXT);
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      error: null,
      incomplete_details: null,
      instructions: 'be short',
      metadata: { a: 'b' },
      temperature: 0.5,
      max_output_tokens: 100,
      parallel_tool_calls: true,
      store: true,
      text: { format: { type: 'text' } },
      output: [{ type: 'message', role: 'assistant', status: 'completed' }],
      usage: {
        input_tokens: 1 + '[system]be short[user]hi[assistant]'.length,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: BYTES + 1,
        output_tokens_details: { reasoning_tokens: 0 },
      },
    });
    expect(response.completed_at).toBeGreaterThan(0);
  });

  it('stream their events in order', async () => {
    const { client } = await start({ script: saying('hi', EOS_ID) });
    const stream = await client.responses.create({ model: MODEL, input: 'hi', stream: true });
    const events = [];
    for await (const event of stream) events.push(event);
    expect(events.map(({ type }) => type).filter((type) => !type.endsWith('.delta'))).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, n) => n));
    const text = events.map((event) =>
      event.type === 'response.output_text.delta' ? event.delta : '',
    );
    expect(text.join('')).toBe('hi');
  });

  it('come out of the stream helper as they come whole', async () => {
    const { client } = await start({ script: saying(TEXT, EOS_ID) });
    const final = await client.responses.stream({ model: MODEL, input: 'hi' }).finalResponse();
    const whole = await client.responses.create({ model: MODEL, input: 'hi' });
    expect(final.output_text).toBe(TEXT);
    expect(final.usage).toEqual(whole.usage);
    expect(await client.responses.retrieve(final.id)).toMatchObject({
      id: final.id,
      status: 'completed',
      output: [{ id: final.output[0]?.id, content: [{ text: TEXT }] }],
    });
  });

  it('have reasoning items, and say when they were cut off', async () => {
    const { client } = await start({ script: saying('<think>hm</think>yes', EOS_ID) });
    const whole = await client.responses.create({ model: MODEL, input: 'hi' });
    expect(whole.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    expect(whole.output[0]).toMatchObject({ content: [{ type: 'reasoning_text', text: 'hm' }] });
    expect(whole.output_text).toBe('yes');
    expect(whole.usage?.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    const cut = await client.responses.create({ model: MODEL, input: 'hi', max_output_tokens: 19 });
    expect(cut).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ status: 'completed' }, { status: 'incomplete' }],
    });
  });

  it('show log-probabilities where they are asked for', async () => {
    const { client } = await start({ script: saying('ab', EOS_ID) });
    const { output } = await client.responses.create({
      model: MODEL,
      input: 'hi',
      include: ['message.output_text.logprobs'],
      top_logprobs: 2,
    });
    expect(output[0]).toMatchObject({
      content: [{ logprobs: [{ token: 'a', logprob: -0.5, bytes: [97] }, { token: 'b' }] }],
    });
  });

  it('go on from another, without its instructions', async () => {
    const running = await start({ script: saying('one', EOS_ID) });
    const { client } = running;
    const first = await client.responses.create({
      model: MODEL,
      input: 'a',
      instructions: 'be short',
    });
    const second = await client.responses.create({
      model: MODEL,
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'b' }] }],
      previous_response_id: first.id,
    });
    expect(lastPrompt(running)).toBe('[user]a[assistant]one[user]b[assistant]');
    expect(second.previous_response_id).toBe(first.id);
    const items = await client.responses.inputItems.list(second.id, { order: 'asc' });
    expect(items.data.map(({ type }) => type)).toEqual(['message', 'message', 'message']);
    await client.responses.create({
      model: MODEL,
      input: [
        { role: 'user', content: 'a' },
        { type: 'item_reference', id: second.output[0]?.id ?? '' },
        { role: 'user', content: 'c' },
      ],
    });
    expect(lastPrompt(running)).toBe('[user]a[assistant]one[user]c[assistant]');
  });

  it('are deleted, and not kept where they are not to be', async () => {
    const { client } = await start({ script: saying('one', EOS_ID) });
    const kept = await client.responses.create({ model: MODEL, input: 'a' });
    await client.responses.delete(kept.id);
    await expect(client.responses.retrieve(kept.id)).rejects.toBeInstanceOf(NotFoundError);
    const unkept = await client.responses.create({ model: MODEL, input: 'a', store: false });
    await expect(client.responses.retrieve(unkept.id)).rejects.toBeInstanceOf(NotFoundError);
    const next = client.responses.create({
      model: MODEL,
      input: 'b',
      previous_response_id: unkept.id,
    });
    await expect(next).rejects.toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    });
  });

  it('are cancelled while they are made', async () => {
    const { client, engine } = await start();
    const stream = await client.responses.create({ model: MODEL, input: 'a', stream: true });
    const events: ResponsesServerEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) events.push(event as ResponsesServerEvent);
    })();
    await expect.poll(() => engine.openCount).toBe(1);
    engine.emit(engine.last, ...Buffer.from('so far'));
    await expect.poll(() => events.length).toBeGreaterThan(4);
    const [created] = events;
    if (created?.type !== 'response.created') throw new Error('not created');
    const { id } = created.response;
    expect((await client.responses.retrieve(id)).status).toBe('in_progress');
    const cancelled = await client.responses.cancel(id);
    expect(cancelled).toMatchObject({ status: 'cancelled', output: [{ status: 'incomplete' }] });
    await reading;
    expect(events.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: { status: 'cancelled' },
    });
    expect(engine.openCount).toBe(0);
    expect((await client.responses.retrieve(id)).output_text).toBe('so far');
    expect((await client.responses.cancel(id)).status).toBe('cancelled');
  });

  it('fail as events, and refuse with classes', async () => {
    const { client, engine } = await start();
    const stream = await client.responses.create({ model: MODEL, input: 'a', stream: true });
    await expect.poll(() => engine.openCount).toBe(1);
    engine.emit(engine.last, 65);
    engine.lose();
    const events = [];
    for await (const event of stream) events.push(event);
    expect(events.at(-1)).toMatchObject({
      type: 'response.failed',
      response: { status: 'failed', error: { code: 'server_error' } },
    });
    engine.state = 'ready';
    const whole = client.responses.create({ model: MODEL, input: 'a' });
    await expect.poll(() => engine.openCount).toBe(1);
    engine.lose();
    await expect(whole).rejects.toMatchObject({ status: 500, code: 'engine_lost' });
    engine.state = 'ready';
    const bad = (fields: object) =>
      client.responses.create({ model: MODEL, input: 'a', ...fields }).catch((error) => error);
    expect(await bad({ background: true })).toBeInstanceOf(BadRequestError);
    expect(await bad({ background: true })).toMatchObject({ param: 'background' });
    expect(await bad({ max_output_tokens: 1e6 })).toMatchObject({
      code: 'context_length_exceeded',
    });
    expect(await bad({ tools: [{ type: 'web_search' }] })).toMatchObject({
      param: 'tools[0].type',
    });
    expect(await bad({ input: [{ type: 'message', role: 'user' }] })).toMatchObject({
      param: 'input[0].content',
    });
    expect(
      await bad({ input: [{ role: 'user', content: [{ type: 'input_image' }] }] }),
    ).toMatchObject({ code: 'unsupported_parameter', param: 'input[0].content[0].type' });
  });

  it('drop the oldest turns where truncation is automatic', async () => {
    const running = await start({ script: saying('ok', EOS_ID) });
    const long = (letter: string) => ({ role: 'user' as const, content: letter.repeat(900) });
    const input = [long('a'), long('b'), long('c'), { role: 'user' as const, content: 'last' }];
    const fields = { model: MODEL, input };
    await expect(running.client.responses.create(fields)).rejects.toMatchObject({
      code: 'context_length_exceeded',
    });
    await running.client.responses.create({ ...fields, truncation: 'auto' });
    expect(lastPrompt(running)).toMatch(/^\[user\]b+\[user\]c+\[user\]last\[assistant\]$/);
  });
});

/** Follows a socket of the client until a response has ended. */
async function respond(ws: ResponsesWS, request: object): Promise<ResponsesServerEvent[]> {
  const events: ResponsesServerEvent[] = [];
  ws.send({ type: 'response.create', model: MODEL, ...request } as never);
  for await (const message of ws) {
    if (message.type === 'error') throw message.error;
    if (message.type !== 'message') continue;
    const event = message.message as ResponsesServerEvent;
    events.push(event);
    if (/^response\.(completed|failed|incomplete)$/.test(event.type)) break;
  }
  return events;
}

const idOf = (events: readonly ResponsesServerEvent[]): string =>
  (events.at(-1) as { response: { id: string } }).response.id;

describe('ResponsesWS', () => {
  it('streams, and goes on from what the connection remembers', async () => {
    const running = await start({ script: saying('one', EOS_ID) });
    const ws = new ResponsesWS(running.client);
    const first = await respond(ws, { input: 'a', store: false });
    expect(first.map(({ type }) => type)).toContain('response.output_text.delta');
    const second = await respond(ws, {
      input: 'b',
      store: false,
      previous_response_id: idOf(first),
    });
    expect(lastPrompt(running)).toBe('[user]a[assistant]one[user]b[assistant]');
    expect(second.at(-1)).toMatchObject({ type: 'response.completed' });
    // The first is not the latest any more.
    await expect(
      respond(ws, { input: 'c', previous_response_id: idOf(first) }),
    ).rejects.toMatchObject({
      error: { error: { code: 'previous_response_not_found' } },
    });
    ws.close();
  });

  it('connects again after a restart of the server, and goes on from what is stored', async () => {
    const options = { script: saying('one', EOS_ID) };
    const first = await start(options);
    const ws = new ResponsesWS(first.client, {
      reconnect: {
        onReconnecting: () => undefined,
        initialDelay: 10,
        maxDelay: 50,
        maxRetries: 50,
      },
    });
    const reconnected = new Promise((resolve) => ws.on('reconnected', () => resolve(true)));
    await respond(ws, { input: 'a' });
    await first.app.close();
    const second = await start(options, first.port);
    expect(await reconnected).toBe(true);
    const events = await respond(ws, { input: 'b' });
    expect(events.at(-1)).toMatchObject({ type: 'response.completed' });
    expect(lastPrompt(second)).toBe('[user]b[assistant]');
    ws.close();
  });
});
