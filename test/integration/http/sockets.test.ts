/** Clients that leave, stall or break the protocol, over real sockets. */
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../support/fake-clock.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import {
  CountingMetrics,
  saying,
  type TestServer,
  type TestServerOptions,
  testServer,
} from '../../support/http-server.ts';
import { listen, RawClient } from '../../support/raw-client.ts';

const CHAT = '/v1/chat/completions';
const messages = [{ role: 'user', content: 'hi' }];

type Running = TestServer & { readonly port: number; readonly clock: FakeClock };

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function start(options: TestServerOptions = {}): Promise<Running> {
  const clock = new FakeClock();
  const server = testServer({ ...options, deps: { clock, ...options.deps } });
  const port = await listen(server.app);
  cleanups.push(async () => {
    server.app.server.closeAllConnections();
    await server.app.close();
  });
  return { ...server, port, clock };
}

function client(port: number): RawClient {
  const opened = new RawClient(port);
  cleanups.push(async () => {
    opened.socket.destroy();
  });
  return opened;
}

/** Ways in which a client leaves. */
const LEAVING = {
  'closes the connection': (leaver: RawClient) => leaver.socket.destroy(),
  'resets the connection': (leaver: RawClient) => leaver.socket.resetAndDestroy(),
  'ends its half of the connection': (leaver: RawClient) => leaver.socket.end(),
} as const;

describe.each(Object.entries(LEAVING))('a client that %s', (_name, leave) => {
  it.each([true, false])(
    'before the first token frees its sequences (stream: %s)',
    async (stream) => {
      const { port, engine, metrics } = await start();
      const leaver = client(port);
      leaver.post(CHAT, { messages, stream, n: 2 });
      await expect.poll(() => engine.openCount).toBe(2);
      leave(leaver);
      await expect.poll(() => engine.openCount).toBe(0);
      expect(engine.abortedIds).toHaveLength(2);
      await expect.poll(() => metrics.clientsGone).toBe(1);
      expect(metrics.finishReasons).toEqual(['abort', 'abort']);
      expect(metrics.exchanges[0]).toMatchObject({ route: CHAT, status: 499 });
    },
  );

  it('in the middle of a stream frees its sequence, and others go on', async () => {
    const { port, engine, metrics } = await start();
    const [leaver, other] = [client(port), client(port)];
    leaver.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.sequences.length).toBe(1);
    other.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.sequences.length).toBe(2);
    const [left, kept] = engine.sequences;
    if (left === undefined || kept === undefined) throw new Error('no sequences');
    engine.emit(left, ...Buffer.from('abc'));
    await expect.poll(() => leaver.received).toContain('abc');
    leave(leaver);
    await expect.poll(() => left.open).toBe(false);
    engine.emit(kept, ...Buffer.from('still here'));
    engine.finish(kept, {});
    await expect.poll(() => other.received).toContain('[DONE]');
    await expect.poll(() => metrics.openStreams).toBe(0);
  });

  it('while its prompt is tokenized starts nothing', async () => {
    const { port, engine, text, app } = await start();
    let open = () => {};
    text.gate = new Promise((resolve) => {
      open = resolve;
    });
    const leaver = client(port);
    leaver.post(CHAT, { messages, stream: true });
    await expect.poll(() => text.encodeCount).toBe(1);
    leave(leaver);
    await expect.poll(() => connectionCount(app)).toBe(0);
    open();
    await expect.poll(() => app.drain.openRequestCount).toBe(0);
    expect(engine.sequences).toHaveLength(0);
  });
});

const connectionCount = (app: Running['app']): Promise<number> =>
  new Promise((resolve, reject) => {
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

/** More text than the kernel takes from a server whose client does not read. */
class LargeMetrics extends CountingMetrics {
  override async render() {
    return 'x'.repeat(32 * 1024 * 1024);
  }
}

describe('a reader that stalls', () => {
  /** More than the socket buffers of both ends hold. */
  const FLOOD = Buffer.alloc(64 * 1024, 'x');

  /** Emits until the server holds text back for the stalled reader. */
  async function flood({ engine, text }: Running): Promise<void> {
    const token = text.token(FLOOD);
    for (let round = 0; round < 400 && engine.last.open; round++) {
      engine.emit(engine.last, token);
      await new Promise(setImmediate);
    }
  }

  it('is cut off when too much waits, and no other stream notices', async () => {
    const running = await start();
    const { port, engine, metrics } = running;
    const other = client(port);
    other.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.sequences.length).toBe(1);
    const kept = engine.last;
    const stalled = client(port);
    stalled.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.sequences.length).toBe(2);
    stalled.stall();
    await flood(running);
    expect(metrics.slowReaders).toBe(1);
    await expect.poll(() => engine.openCount).toBe(1);
    engine.emit(kept, ...Buffer.from('fine'));
    engine.finish(kept, {});
    await expect.poll(() => other.received).toContain('[DONE]');
  });

  it('is cut off after its time, however little waits', async () => {
    const running = await start({ config: { limits: { streamBufferBytes: 2 ** 24 } } });
    const { port, engine, metrics, clock, text } = running;
    const stalled = client(port);
    stalled.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.sequences.length).toBe(1);
    stalled.stall();
    const token = text.token(FLOOD);
    // 8 MiB are more than the kernel takes; the rest waits in the server.
    for (let round = 0; round < 128; round++) {
      engine.emit(engine.last, token);
      await new Promise(setImmediate);
    }
    clock.advance(29_000);
    expect(metrics.slowReaders).toBe(0);
    clock.advance(3000);
    expect(metrics.slowReaders).toBe(1);
    await expect.poll(() => engine.openCount).toBe(0);
    await expect.poll(() => metrics.openStreams).toBe(0);
    expect(clock.timerCount).toBe(0);
  });

  it('is cut off from a whole answer too', async () => {
    const metrics = new LargeMetrics();
    const config = { timeouts: { slowReaderMs: 100 } };
    const { port } = await start({ config, deps: { metrics } });
    const stalled = client(port);
    stalled.stall();
    stalled.get('/metrics');
    await expect.poll(() => metrics.slowReaders).toBe(1);
    await expect.poll(() => metrics.exchanges.length).toBe(1);
  });

  it('loses nothing when it goes on in time', async () => {
    const running = await start({ config: { limits: { streamBufferBytes: 2 ** 24 } } });
    const { port, engine, clock, text, metrics } = running;
    const slow = client(port);
    slow.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.sequences.length).toBe(1);
    slow.stall();
    const words = Array.from({ length: 2000 }, (_, index) => `${index}${'.'.repeat(3000)};`);
    for (const word of words) {
      engine.emit(engine.last, ...text.tokens(word));
      if (engine.last.emittedCount % 50 === 0) await new Promise(setImmediate);
    }
    clock.advance(20_000);
    slow.resume();
    slow.socket.resume();
    engine.finish(engine.last, {});
    await expect.poll(() => slow.received.includes('[DONE]'), { timeout: 20_000 }).toBe(true);
    const deltas = [...slow.body.matchAll(/"delta":\{"content":("[^"]*")\}/g)];
    expect(deltas.map(([, text]) => JSON.parse(text ?? '""')).join('')).toBe(words.join(''));
    // What waited was merged: far fewer events than tokens.
    expect(deltas.length).toBeLessThan(words.length / 2);
    expect(metrics.slowReaders).toBe(0);
  });
});

describe('a silent stream', () => {
  it('is pinged, which opens it, and still ends well', async () => {
    const { port, engine, clock } = await start();
    const waiting = client(port);
    waiting.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.openCount).toBe(1);
    clock.advance(14_000);
    await new Promise(setImmediate);
    expect(waiting.received).toBe('');
    clock.advance(2000);
    await expect.poll(() => waiting.received).toContain(': ping\n\n');
    expect(waiting.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    clock.advance(15_000);
    await expect.poll(() => waiting.received.match(/: ping/g)).toHaveLength(2);
    engine.emit(engine.last, ...Buffer.from('a'));
    engine.finish(engine.last, {});
    await expect.poll(() => waiting.received).toContain('[DONE]');
  });

  it('tells a failure as an event once it is open', async () => {
    const { port, engine, clock } = await start();
    const waiting = client(port);
    waiting.post(CHAT, { messages, stream: true });
    await expect.poll(() => engine.openCount).toBe(1);
    clock.advance(16_000);
    await expect.poll(() => waiting.received).toContain(': ping');
    engine.lose();
    await expect.poll(() => waiting.received).toContain('"code":"engine_lost"');
    await expect.poll(() => waiting.received).toContain('[DONE]');
  });
});

describe('a connection', () => {
  it('serves the next request after a stream', async () => {
    const { port } = await start({ script: saying('ok', EOS_ID) });
    const keeping = client(port);
    keeping.post(CHAT, { messages, stream: true });
    await expect.poll(() => keeping.received).toContain('0\r\n\r\n');
    keeping.post(CHAT, { messages });
    await expect.poll(() => keeping.received).toContain('"object":"chat.completion"');
  });

  it.each([
    ['one header of 20,000 bytes', [`x-long: ${'y'.repeat(20_000)}`]],
    ['65 headers', Array.from({ length: 65 }, (_, index) => `x-${index}: 1`)],
  ])('gets 431 for %s', async (_name, headers) => {
    const { port, app } = await start();
    const sender = client(port);
    sender.send(['GET /v1/models HTTP/1.1', 'host: test', ...headers, '', '']);
    await expect.poll(() => sender.closed).toBe(true);
    expect(sender.received).toMatch(/^HTTP\/1\.1 431 /);
    expect(JSON.parse(sender.received.split('\r\n\r\n')[1] ?? '').error.code).toBe(
      'headers_too_large',
    );
    expect((await app.inject('/v1/models')).statusCode).toBe(200);
  });

  it('gets 400 for what is not HTTP', async () => {
    const { port } = await start();
    const sender = client(port);
    sender.send(['hello there', '', '']);
    await expect.poll(() => sender.closed).toBe(true);
    expect(sender.received).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(sender.received.split('\r\n\r\n')[1] ?? '').error.type).toBe(
      'invalid_request_error',
    );
  });

  const limits = { bodyBytes: 4096 };
  const head = ['POST /v1/completions HTTP/1.1', 'host: test', 'content-type: application/json'];

  it('gets 413 for a length that is too large, before the body', async () => {
    const { port, text } = await start({ config: { limits } });
    const sender = client(port);
    sender.send([...head, 'content-length: 5000', '', '']);
    await expect.poll(() => sender.received).toMatch(/^HTTP\/1\.1 413 /);
    expect(sender.received).toContain('"code":"body_too_large"');
    expect(text.encodeCount).toBe(0);
  });

  it('gets 413 for a chunked body that grows too large', async () => {
    const { port, text } = await start({ config: { limits } });
    const sender = client(port);
    const piece = 'x'.repeat(1000);
    sender.send([...head, 'transfer-encoding: chunked', '', '']);
    for (let sent = 0; sent < 5; sent++) sender.send(['3e8', piece, '']);
    await expect.poll(() => sender.received).toMatch(/^HTTP\/1\.1 413 /);
    expect(text.encodeCount).toBe(0);
  });

  it('that is shorter than its content-length starts nothing', async () => {
    const { port, engine, app } = await start();
    const sender = client(port);
    sender.send([...head, 'content-length: 500', '', '{"prompt":"a"}']);
    sender.socket.end();
    await expect.poll(() => connectionCount(app)).toBe(0);
    expect(engine.sequences).toHaveLength(0);
  });
});

describe('more connections than server.maxConnections', () => {
  it('are closed, and the others go on', async () => {
    const { port, engine } = await start({
      config: { server: { maxConnections: 1 } },
      script: saying('fine', EOS_ID),
    });
    const first = client(port);
    await once(first.socket, 'connect');
    const second = client(port);
    await once(second.socket, 'close');
    first.post(CHAT, { messages });
    await expect.poll(() => first.received).toContain('fine');
    expect(engine.sequences).toHaveLength(1);
  });
});

describe('requests that wait behind another on one connection', () => {
  it.each([true, false])('are freed when the connection closes (stream: %s)', async (stream) => {
    const { port, app, engine } = await start();
    const leaver = client(port);
    leaver.post(CHAT, { messages, stream: true });
    for (let count = 0; count < 20; count++) leaver.post(CHAT, { messages, stream });
    await expect.poll(() => engine.openCount).toBe(21);
    leaver.socket.destroy();
    await expect.poll(() => engine.openCount).toBe(0);
    await expect.poll(() => app.drain.openRequestCount).toBe(0);
  });
});
