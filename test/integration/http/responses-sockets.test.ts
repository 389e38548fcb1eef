/** The WebSocket of /v1/responses: lanes, memory, limits, refusals and goodbyes. */
import { afterEach, describe, expect, it } from 'vitest';
import { plainKey } from '../../../src/keys/index.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import {
  saying,
  type TestServer,
  type TestServerOptions,
  testServer,
} from '../../support/http-server.ts';
import { listen, RawClient } from '../../support/raw-client.ts';
import { type Frame, SocketClient } from '../../support/socket-client.ts';

const PATH = '/v1/responses';

type Running = TestServer & { readonly port: number; readonly clock: FakeClock };

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function start(options: TestServerOptions = {}): Promise<Running> {
  const clock = new FakeClock();
  const server = testServer({ ...options, deps: { clock, ...options.deps } });
  const port = await listen(server.app);
  cleanups.push(() => server.app.close());
  return { ...server, port, clock };
}

async function open(port: number, options = {}): Promise<SocketClient> {
  const client = await SocketClient.open(port, PATH, options);
  cleanups.unshift(async () => client.socket.terminate());
  return client;
}

const create = (fields: object) => ({ type: 'response.create', input: 'a', ...fields });

const ENDS = ['response.completed', 'response.incomplete', 'response.failed', 'error'];
const ends = (client: SocketClient): Frame[] =>
  client.frames.filter(({ type }) => ENDS.includes(type ?? ''));

/** Sends a frame and waits for the end of its response. */
async function respond(client: SocketClient, frame: object): Promise<Frame> {
  const before = ends(client).length;
  client.send(frame);
  await expect.poll(() => ends(client).length, { timeout: 10_000 }).toBeGreaterThan(before);
  return ends(client)[before] as Frame;
}

const idOf = (end: Frame): string => (end.response as { readonly id: string }).id;
const promptOf = ({ engine }: Running): string =>
  Buffer.from(engine.last.command.promptTokens.slice(1)).toString();

describe('a lane', () => {
  it('names every event of its responses, and no other event', async () => {
    const { port } = await start({ script: saying('ok', EOS_ID) });
    const client = await open(port);
    await Promise.all([
      respond(client, create({ stream_id: 'a' })),
      respond(client, create({ stream_id: 'b.2' })),
      respond(client, create({})),
    ]);
    await expect.poll(() => ends(client)).toHaveLength(3);
    const types = (frames: readonly Frame[]) => frames.map(({ type }) => type);
    expect(types(client.framesOf('a'))).toEqual(types(client.framesOf('b.2')));
    expect(types(client.framesOf())).toEqual(types(client.framesOf('a')));
    expect(client.framesOf('a').map(({ sequence_number }) => sequence_number)).toEqual(
      client.framesOf('a').map((_, index) => index),
    );
  });

  it('remembers its latest response, also for other lanes', async () => {
    const running = await start({ script: saying('one', EOS_ID) });
    const client = await open(running.port);
    const first = await respond(client, create({ stream_id: 'a', store: false }));
    const previous_response_id = idOf(first);
    await respond(client, create({ stream_id: 'fork', input: 'b', previous_response_id }));
    expect(promptOf(running)).toBe('[user]a[assistant]one[user]b[assistant]');
    await respond(client, create({ stream_id: 'a', input: 'c', previous_response_id }));
    expect(promptOf(running)).toBe('[user]a[assistant]one[user]c[assistant]');
    expect(await respond(client, create({ stream_id: 'a', previous_response_id }))).toMatchObject({
      type: 'error',
      status: 400,
      stream_id: 'a',
      error: { code: 'previous_response_not_found', param: 'previous_response_id' },
    });
    const other = await open(running.port);
    expect((await respond(other, create({ previous_response_id }))).error?.code).toBe(
      'previous_response_not_found',
    );
  });

  it('holds on to the parent of a fork that waits', async () => {
    const running = await start();
    const { engine } = running;
    const client = await open(running.port);
    client.send(create({ stream_id: 'a', store: false }));
    await expect.poll(() => engine.openCount).toBe(1);
    engine.finish(engine.last, {});
    await expect.poll(() => ends(client)).toHaveLength(1);
    const previous_response_id = idOf(ends(client)[0] as Frame);
    client.send(create({ stream_id: 'b', store: false }));
    await expect.poll(() => engine.openCount).toBe(1);
    const busy = engine.last;
    client.send(create({ stream_id: 'b', input: 'fork', previous_response_id }));
    client.send(create({ stream_id: 'a', input: 'next', store: false }));
    await expect.poll(() => engine.openCount).toBe(2);
    engine.finish(engine.last, {});
    await expect.poll(() => ends(client)).toHaveLength(2);
    engine.finish(busy, {});
    await expect.poll(() => promptOf(running)).toBe('[user]a[user]fork[assistant]');
  });

  it('forgets the parent of a continuation that failed, but not that of a fork', async () => {
    const running = await start({ script: saying('one', EOS_ID) });
    const client = await open(running.port);
    const first = await respond(client, create({ stream_id: 'a', store: false }));
    const previous_response_id = idOf(first);
    const bad = { previous_response_id, max_output_tokens: 1e6 };
    expect((await respond(client, create({ stream_id: 'b', ...bad }))).error?.code).toBe(
      'context_length_exceeded',
    );
    expect((await respond(client, create({ stream_id: 'c', previous_response_id }))).type).toBe(
      'response.completed',
    );
    await respond(client, create({ stream_id: 'a', ...bad }));
    const evicted = await respond(client, create({ stream_id: 'a', previous_response_id }));
    expect(evicted.error?.code).toBe('previous_response_not_found');
  });

  it('warms the cache up without an answer, and goes on from there', async () => {
    const running = await start({ script: saying('one', EOS_ID) });
    const { engine } = running;
    const client = await open(running.port);
    const warm = await respond(client, create({ generate: false, store: false }));
    expect(warm).toMatchObject({
      type: 'response.completed',
      response: { status: 'completed', output: [], usage: { output_tokens: 0 } },
    });
    expect(engine.sequences).toHaveLength(1);
    expect(promptOf(running)).toBe('[user]a[assistant]');
    await respond(client, create({ input: 'b', previous_response_id: idOf(warm) }));
    expect(promptOf(running)).toBe('[user]a[user]b[assistant]');
  });

  it('is cancelled by its name or by the id of its response', async () => {
    const { port, engine, app } = await start();
    const client = await open(port);
    client.send(create({ stream_id: 'a' }));
    client.send(create({}));
    await expect.poll(() => engine.openCount).toBe(2);
    const created = client.framesOf().find(({ type }) => type === 'response.created') as Frame;
    client.send({ type: 'response.cancel', stream_id: 'a' });
    client.send({ type: 'response.cancel', response_id: idOf(created) });
    client.send({ type: 'response.cancel', response_id: 'resp_unknown' });
    await expect.poll(() => ends(client)).toHaveLength(2);
    for (const end of ends(client)) {
      expect(end).toMatchObject({ type: 'response.incomplete', response: { status: 'cancelled' } });
    }
    expect(engine.openCount).toBe(0);
    await expect.poll(() => app.drain.openRequestCount).toBe(0);
  });

  it('cannot be steered', async () => {
    const { port } = await start();
    const client = await open(port);
    client.send({ type: 'response.steer', previous_response_id: 'resp_1', input: 'x' });
    await expect.poll(() => client.frames).toHaveLength(1);
    expect(client.frames[0]).toMatchObject({
      type: 'response.steer.failed',
      steer: { previous_response_id: 'resp_1', input: 'x' },
      error: { code: 'steering_not_supported' },
    });
  });

  it('tells the loss of the engine as the failure of its response', async () => {
    const { port, engine } = await start();
    const client = await open(port);
    for (const stream_id of ['a', 'b']) client.send(create({ stream_id }));
    await expect.poll(() => engine.openCount).toBe(2);
    engine.lose();
    await expect
      .poll(() => ends(client).map(({ type }) => type))
      .toEqual(['response.failed', 'response.failed']);
    expect(await respond(client, create({}))).toMatchObject({ type: 'error', status: 503 });
  });
});

describe('a connection', () => {
  it('needs a key, in the header or as a subprotocol that is never echoed', async () => {
    const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };
    const { port } = await start({
      script: saying('ok', EOS_ID),
      deps: { apiKeys: [plainKey('right', limits)] },
    });
    await expect(open(port)).rejects.toThrow('401');
    await expect(open(port, { headers: { authorization: 'Bearer wrong' } })).rejects.toThrow('401');
    const byHeader = await open(port, { headers: { authorization: 'Bearer right' } });
    expect((await respond(byHeader, create({}))).type).toBe('response.completed');
    const byProtocol = await open(port, { protocols: ['etap', 'openai-insecure-api-key.right'] });
    expect(byProtocol.socket.protocol).toBe('etap');
    expect((await respond(byProtocol, create({}))).type).toBe('response.completed');
  });

  it('is open to the pages that CORS is open to', async () => {
    const config = { server: { corsOrigins: ['https://chat.example'] } };
    const { port } = await start({ config });
    const from = (origin: string) => open(port, { headers: { origin } });
    await from('https://chat.example');
    await from(`http://127.0.0.1:${port}`);
    await expect(from('https://evil.example')).rejects.toThrow('403');
  });

  it('is not made by a plain GET, nor on a path without one', async () => {
    const { app, port } = await start();
    const plain = await app.inject(PATH);
    expect([plain.statusCode, plain.json().error.code]).toEqual([426, 'upgrade_required']);
    await expect(SocketClient.open(port, '/v1/models')).rejects.toThrow('404');
    await expect(SocketClient.open(port, '/nowhere')).rejects.toThrow('404');
  });

  it('is one of a limited number', async () => {
    const { port, metrics } = await start({ config: { websocket: { connections: 2 } } });
    const first = await open(port);
    await open(port);
    await expect(open(port)).rejects.toThrow('429');
    first.socket.close();
    await expect.poll(() => metrics.sockets.connections).toBe(1);
    await open(port);
  });

  it('is pinged when it is silent, and cut off when it stays so', async () => {
    const { port, clock, metrics } = await start();
    const client = await open(port);
    let pings = 0;
    client.socket.on('ping', () => pings++);
    clock.advance(31_000);
    await expect.poll(() => pings).toBe(1);
    // Its pong was heard.
    clock.advance(31_000);
    await expect.poll(() => pings).toBe(2);
    const mute = await open(port);
    (mute.socket as unknown as { pong: () => void }).pong = () => {};
    clock.advance(31_000);
    clock.advance(31_000);
    expect((await mute.closed).code).toBe(1006);
    await expect.poll(() => metrics.sockets.connections).toBeLessThan(2);
  });

  it('ends at its age, and says so', async () => {
    const { port, clock, engine } = await start({
      config: { websocket: { ageMs: 5000 } },
    });
    const client = await open(port);
    client.send(create({}));
    await expect.poll(() => engine.openCount).toBe(1);
    clock.advance(6000);
    expect((await client.closed).code).toBe(1001);
    expect(client.frames.at(-1)).toMatchObject({
      type: 'error',
      error: { code: 'websocket_connection_limit_reached' },
    });
    await expect.poll(() => engine.openCount).toBe(0);
  });

  it('ends with 1012 when the server stops: at once when idle, else with its last answer', async () => {
    const { port, engine, app } = await start();
    const [idle, busy] = [await open(port), await open(port)];
    busy.send(create({}));
    await expect.poll(() => engine.openCount).toBe(1);
    app.drain.begin();
    app.drain.refuseRequests();
    expect((await idle.closed).code).toBe(1012);
    await expect(open(port)).rejects.toThrow('503');
    busy.send(create({ stream_id: 'late' }));
    await expect
      .poll(() => busy.framesOf('late'))
      .toMatchObject([{ type: 'error', status: 503, error: { code: 'server_shutting_down' } }]);
    engine.emit(engine.last, 65);
    engine.finish(engine.last, {});
    expect((await busy.closed).code).toBe(1012);
    expect(ends(busy).at(-1)).toMatchObject({ type: 'response.incomplete' });
  });

  it('is cut off when its reader takes nothing of too much', async () => {
    const { port, engine, text, metrics } = await start({
      config: { websocket: { bufferBytes: 64 * 1024 } },
    });
    const client = await open(port);
    client.send(create({}));
    await expect.poll(() => engine.openCount).toBe(1);
    client.socket.pause();
    const token = text.token(Buffer.alloc(64 * 1024, 'x'));
    for (let round = 0; round < 400 && engine.last.open; round++) {
      engine.emit(engine.last, token);
      await new Promise(setImmediate);
    }
    expect(metrics.slowReaders).toBe(1);
    await expect.poll(() => engine.openCount).toBe(0);
  });

  it('loses nothing when its reader goes on in time', async () => {
    const { port, engine, text } = await start({
      config: { websocket: { bufferBytes: 2 ** 28 } },
    });
    const client = await open(port);
    client.send(create({}));
    await expect.poll(() => engine.openCount).toBe(1);
    client.socket.pause();
    const words = Array.from({ length: 1500 }, (_, index) => `${index}${'.'.repeat(6000)};`);
    for (const [index, word] of words.entries()) {
      engine.emit(engine.last, ...text.tokens(word));
      if (index % 50 === 0) await new Promise(setImmediate);
    }
    client.socket.resume();
    engine.finish(engine.last, {});
    await expect.poll(() => ends(client).length, { timeout: 20_000 }).toBe(1);
    const deltas = client.frames.filter(({ type }) => type === 'response.output_text.delta');
    expect(deltas.map(({ delta }) => delta).join('')).toBe(words.join(''));
    // What waited was merged.
    expect(deltas.length).toBeLessThan(words.length / 2);
  });
});

describe('a client that offers HTTP/2 with a plain request', () => {
  it('is answered in HTTP/1.1, again and again', async () => {
    const { port } = await start({ script: saying('ok', EOS_ID) });
    const client = new RawClient(port);
    cleanups.unshift(async () => client.socket.destroy());
    const offer = {
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA',
    };
    client.post('/v1/completions', { prompt: 'a' }, offer);
    await expect.poll(() => client.received).toContain('"text":"ok"');
    client.post('/v1/completions', { prompt: 'a' }, offer);
    await expect.poll(() => client.received.match(/"text":"ok"/g)).toHaveLength(2);
  });
});
