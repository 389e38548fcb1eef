/** The sockets of the completion routes: one JSON request a message, events as frames, by lanes. */
import { afterEach, describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import {
  saying,
  sseEvents,
  type TestServer,
  type TestServerOptions,
  testServer,
} from '../../support/http-server.ts';
import { listen } from '../../support/raw-client.ts';
import { SocketClient } from '../../support/socket-client.ts';

const CHAT = '/v1/chat/completions';
const COMPLETIONS = '/v1/completions';
const messages = [{ role: 'user', content: 'hi' }];

type Running = TestServer & { readonly port: number };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function start(options: TestServerOptions = {}): Promise<Running> {
  const server = testServer(options);
  const port = await listen(server.app);
  cleanups.push(() => server.app.close());
  return { ...server, port };
}

async function open(port: number, path: string, options = {}): Promise<SocketClient> {
  const client = await SocketClient.open(port, path, options);
  cleanups.unshift(async () => client.socket.terminate());
  return client;
}

/** Frames without what differs from one answer to the next. */
const comparable = (frames: readonly unknown[]) =>
  frames.map((frame) => ({ ...(frame as object), id: 'ID', created: 0 }));

describe('a socket', () => {
  it.each([
    [CHAT, { messages }],
    [COMPLETIONS, { prompt: 'hi', max_tokens: 100 }],
  ])('of %s frames what the stream of events says', async (path, fields) => {
    const { port, app } = await start({ script: saying('hello', EOS_ID) });
    const request = { ...fields, stream_options: { include_usage: true } };
    const body = { ...request, stream: true };
    const streamed = sseEvents((await app.inject({ method: 'POST', url: path, body })).body);
    const client = await open(port, path);
    client.send({ ...request, stream_id: 'a' });
    client.send(request);
    await expect.poll(() => client.frames.filter(({ type }) => type === 'done')).toHaveLength(2);
    const text = (events: readonly unknown[]) =>
      (events as { choices?: { text?: string; delta?: { content?: string } }[] }[])
        .map(({ choices }) => choices?.[0]?.text ?? choices?.[0]?.delta?.content ?? '')
        .join('');
    expect(text(client.framesOf())).toBe('hello');
    expect(text(client.framesOf('a'))).toBe('hello');
    expect(client.framesOf().at(-1)).toEqual({ type: 'done' });
    expect(client.framesOf('a').at(-1)).toEqual({ type: 'done', stream_id: 'a' });
    const [usage] = comparable(client.framesOf().slice(-2, -1));
    expect(usage).toEqual(comparable(streamed.slice(-2, -1))[0]);
  });

  it('runs a lane in order, and lanes side by side', async () => {
    const { port, engine } = await start();
    const client = await open(port, COMPLETIONS);
    client.send({ prompt: 'a', max_tokens: 5, stream_id: 'x' });
    client.send({ prompt: 'b', max_tokens: 5, stream_id: 'x' });
    client.send({ prompt: 'c', max_tokens: 5, stream_id: 'y' });
    await expect.poll(() => engine.openCount).toBe(2);
    expect(engine.sequences.map(({ command }) => command.promptTokens[1])).toEqual([97, 99]);
    const [first] = engine.sequences;
    if (first === undefined) throw new Error('no sequence');
    engine.emit(first, 65);
    engine.finish(first, {});
    await expect.poll(() => engine.sequences.length).toBe(3);
    expect(engine.last.command.promptTokens[1]).toBe(98);
  });

  it('cancels the request in flight on a lane', async () => {
    const { port, engine, app } = await start();
    const client = await open(port, COMPLETIONS);
    client.send({ prompt: 'a', max_tokens: 5, stream_id: 'x' });
    await expect.poll(() => engine.openCount).toBe(1);
    client.send({ type: 'cancel', stream_id: 'x' });
    await expect
      .poll(() => client.frames)
      .toEqual([{ type: 'done', cancelled: true, stream_id: 'x' }]);
    expect(engine.openCount).toBe(0);
    await expect.poll(() => app.drain.openRequestCount).toBe(0);
    client.send({ type: 'cancel', stream_id: 'x' });
    client.send({ prompt: 'b', max_tokens: 5, stream_id: 'x' });
    await expect.poll(() => engine.openCount).toBe(1);
  });

  it('answers bad frames with errors and goes on', async () => {
    const { port } = await start({ script: saying('ok', EOS_ID) });
    const client = await open(port, CHAT);
    client.socket.send('not json');
    client.socket.send(Buffer.from([1, 2, 3]), { binary: true });
    client.socket.send('[]');
    client.send({ type: 5 });
    client.send({ type: 'unknown', stream_id: 'a' });
    client.send({ stream_id: '', messages });
    client.send({ stream_id: 'a b', messages });
    client.send({ stream_id: 'b', messages: 'no' });
    client.send({ stream_id: 'b', messages, temperature: 9 });
    client.send({ messages });
    await expect.poll(() => client.frames.at(-1)).toEqual({ type: 'done' });
    const errors = client.frames.filter(({ error }) => error !== undefined);
    expect(
      errors.map(({ error, stream_id }) => [error?.code, error?.param, stream_id ?? null]),
    ).toEqual([
      [null, null, null],
      [null, null, null],
      [null, null, null],
      [null, 'type', null],
      [null, 'type', 'a'],
      ['invalid_stream_id', 'stream_id', null],
      ['invalid_stream_id', 'stream_id', null],
      [null, 'messages', 'b'],
      [null, 'temperature', 'b'],
    ]);
  });

  it('frees what was asked for when it closes, and tells nobody else', async () => {
    const { port, engine, metrics, app } = await start();
    const client = await open(port, CHAT);
    for (let lane = 0; lane < 20; lane++) client.send({ messages, stream_id: `${lane}` });
    await expect.poll(() => engine.openCount).toBe(16);
    expect(metrics.sockets.connections).toBe(1);
    client.socket.terminate();
    await expect.poll(() => engine.openCount).toBe(0);
    await expect.poll(() => app.drain.openRequestCount).toBe(0);
    await expect.poll(() => metrics.sockets.connections).toBe(0);
    expect(engine.sequences).toHaveLength(16);
    expect(metrics.clientsGone).toBe(0);
    await expect.poll(() => metrics.exchanges[0]).toMatchObject({ route: CHAT, status: 101 });
  });

  it('tells the loss of the engine on every lane', async () => {
    const { port, engine } = await start();
    const client = await open(port, CHAT);
    for (const lane of ['a', 'b']) client.send({ messages, stream_id: lane });
    await expect.poll(() => engine.openCount).toBe(2);
    engine.lose();
    await expect.poll(() => client.frames.length).toBe(2);
    expect(client.frames.map(({ error }) => error?.code)).toEqual(['engine_lost', 'engine_lost']);
    client.send({ messages });
    await expect.poll(() => client.frames.at(-1)?.error?.code).toBe('engine_not_ready');
  });
});

describe('the limits of a socket', () => {
  it('are 32 names, beside the lane without one', async () => {
    const { port, engine } = await start({ script: saying('ok', EOS_ID) });
    const client = await open(port, CHAT);
    client.send({ messages });
    for (let lane = 0; lane < 33; lane++) client.send({ messages, stream_id: `n${lane}` });
    await expect.poll(() => client.frames.filter(({ type }) => type === 'done')).toHaveLength(33);
    expect(client.framesOf('n32')).toMatchObject([
      { error: { code: 'websocket_stream_limit_reached', param: 'stream_id' } },
    ]);
    expect(engine.sequences).toHaveLength(33);
  });

  it('are 16 requests in flight and 256 that wait', async () => {
    const { port, engine } = await start();
    const client = await open(port, CHAT);
    for (let sent = 0; sent < 300; sent++) client.send({ messages, stream_id: `${sent % 20}` });
    await expect.poll(() => client.frames.length).toBe(300 - 256 - 16);
    expect(new Set(client.frames.map(({ error }) => error?.code))).toEqual(
      new Set(['rate_limit_exceeded']),
    );
    expect(engine.openCount).toBe(16);
  });
});
