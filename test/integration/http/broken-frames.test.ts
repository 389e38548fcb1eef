/** Frames that break RFC 6455, and handshakes that do: the connection ends, the server does not notice. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frameBytes, OPCODE, RawSocket } from '../../../tools/verify/sockets/raw-socket.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, type TestServer, testServer } from '../../support/http-server.ts';
import { listen } from '../../support/raw-client.ts';

const PATH = '/v1/completions';
const BODY_BYTES = 4096;

let server: TestServer;
let port: number;

beforeAll(async () => {
  server = testServer({
    script: saying('ok', EOS_ID),
    config: { limits: { bodyBytes: BODY_BYTES } },
  });
  port = await listen(server.app);
});

afterAll(() => server.app.close());

const request = JSON.stringify({ prompt: 'a', max_tokens: 5 });
const closeBody = (code: number, reason: Buffer | string = '') => {
  const body = Buffer.alloc(2);
  body.writeUInt16BE(code);
  return Buffer.concat([body, Buffer.from(reason)]);
};
const text = (payload: Buffer | string) => frameBytes(payload);
const { continuation, binary, close, ping, pong } = OPCODE;

/** A connection afterwards serves a request and is idle again. */
async function expectServing(): Promise<void> {
  const other = new RawSocket(port, PATH);
  other.write(text(request));
  await expect.poll(() => other.texts.at(-1)).toBe('{"type":"done"}');
  other.socket.destroy();
  await expect.poll(() => server.metrics.sockets.connections).toBe(0);
  expect(server.engine.openCount).toBe(0);
  expect(server.app.drain.openRequestCount).toBe(0);
}

const FATAL: readonly (readonly [string, number, readonly Buffer[]])[] = [
  ['a frame without a mask', 1002, [frameBytes(request, { masked: false })]],
  ['the first reserved bit', 1002, [frameBytes(request, { reserved: 4 })]],
  ['the second reserved bit', 1002, [frameBytes(request, { reserved: 2 })]],
  ['the third reserved bit', 1002, [frameBytes(request, { reserved: 1 })]],
  ['a reserved data opcode', 1002, [frameBytes('x', { opcode: 3 })]],
  ['a reserved control opcode', 1002, [frameBytes('x', { opcode: 11 })]],
  ['a continuation of nothing', 1002, [frameBytes('x', { opcode: continuation })]],
  ['a text within a message', 1002, [frameBytes('{"a"', { fin: false }), text('{}')]],
  [
    'a binary frame within a message',
    1002,
    [frameBytes('{"a"', { fin: false }), frameBytes('x', { opcode: binary })],
  ],
  ['a ping in fragments', 1002, [frameBytes('x', { opcode: ping, fin: false })]],
  ['a close in fragments', 1002, [frameBytes(closeBody(1000), { opcode: close, fin: false })]],
  ['a ping of 126 bytes', 1002, [frameBytes('x'.repeat(126), { opcode: ping })]],
  ['a pong of 126 bytes', 1002, [frameBytes('x'.repeat(126), { opcode: pong })]],
  ['a close of 126 bytes', 1002, [frameBytes(closeBody(1000, 'x'.repeat(124)), { opcode: close })]],
  ['a close with one byte', 1002, [frameBytes('x', { opcode: close })]],
  ['a close with the code 999', 1002, [frameBytes(closeBody(999), { opcode: close })]],
  ['a close with the code 1005', 1002, [frameBytes(closeBody(1005), { opcode: close })]],
  ['a close with the code 65535', 1002, [frameBytes(closeBody(65_535), { opcode: close })]],
  [
    'a close whose reason is no UTF-8',
    1007,
    [frameBytes(closeBody(1000, Buffer.of(0xff, 0xfe)), { opcode: close })],
  ],
  ['a text that is no UTF-8', 1007, [text(Buffer.of(0x22, 0xff, 0x22))]],
  ['an overlong form', 1007, [text(Buffer.of(0x22, 0xc0, 0xaf, 0x22))]],
  ['a surrogate in UTF-8', 1007, [text(Buffer.of(0x22, 0xed, 0xa0, 0x80, 0x22))]],
  ['a character beyond Unicode', 1007, [text(Buffer.of(0xf4, 0x90, 0x80, 0x80))]],
  ['half a character at the end', 1007, [text(Buffer.of(0x22, 0xe2, 0x82))]],
  [
    'half a character at the end of fragments',
    1007,
    [
      frameBytes('{"a":"', { fin: false }),
      frameBytes(Buffer.of(0xe2, 0x82), { opcode: continuation }),
    ],
  ],
  ['a message that is too large', 1009, [text('x'.repeat(BODY_BYTES + 1))]],
  ['a length that is too large', 1009, [frameBytes('x', { statedLength: BODY_BYTES + 1 })]],
  [
    'a length beyond what a number holds',
    1009,
    [frameBytes('x', { statedLength: 2 ** 60, lengthBytes: 8 })],
  ],
  [
    'fragments that are too large together',
    1009,
    [
      frameBytes('x'.repeat(BODY_BYTES), { fin: false }),
      frameBytes('x', { opcode: continuation, fin: false }),
    ],
  ],
];

describe('a connection is closed for', () => {
  it.each(FATAL)('%s, with %i', async (_name, code, frames) => {
    const broken = new RawSocket(port, PATH);
    expect(await broken.status).toBe(101);
    broken.write(...frames);
    expect(await broken.closed).toBe(code);
    expect(broken.texts).toEqual([]);
  });

  it('nothing that others would notice', expectServing);
});

describe('a connection goes on after', () => {
  it.each<readonly [string, readonly Buffer[], string]>([
    [
      'a message in fragments',
      [...request].map((letter, index, all) =>
        frameBytes(letter, {
          opcode: index === 0 ? OPCODE.text : continuation,
          fin: index === all.length - 1,
        }),
      ),
      '{"type":"done"}',
    ],
    [
      'a ping within fragments',
      [
        frameBytes(request.slice(0, 5), { fin: false }),
        frameBytes('hi', { opcode: ping }),
        frameBytes(request.slice(5), { opcode: continuation }),
      ],
      '{"type":"done"}',
    ],
    [
      'an empty fragment',
      [frameBytes('', { fin: false }), frameBytes(request, { opcode: continuation })],
      '{"type":"done"}',
    ],
    ['a long form of a short length', [frameBytes(request, { lengthBytes: 8 })], '{"type":"done"}'],
    [
      'a pong that nobody asked for',
      [frameBytes('x', { opcode: pong }), text(request)],
      '{"type":"done"}',
    ],
    ['an empty message', [text('')], 'the body is empty'],
    ['half of a JSON object', [text('{"prompt":')], 'not valid JSON'],
    ['JSON that is no object', [text('"x"')], 'not a JSON object'],
    ['a lone surrogate', [text('{"prompt":"\\ud800"}')], 'half of a surrogate pair'],
    ['JSON that is nested too deep', [text('['.repeat(200))], 'nests deeper'],
    ['a binary message', [frameBytes(request, { opcode: binary })], 'binary frame'],
    ['zeroes', [text('\0\0\0')], 'not valid JSON'],
  ])('%s', async (_name, frames, answer) => {
    const client = new RawSocket(port, PATH);
    client.write(...frames);
    await expect.poll(() => client.texts.at(-1)).toContain(answer);
    client.write(text(request));
    await expect.poll(() => client.texts.at(-1)).toBe('{"type":"done"}');
    client.write(frameBytes(closeBody(1000), { opcode: close }));
    expect(await client.closed).toBe(1000);
  });

  it('pings, each of which is answered', async () => {
    const client = new RawSocket(port, PATH);
    for (let sent = 0; sent < 40; sent++) client.write(frameBytes(`${sent}`, { opcode: ping }));
    await expect.poll(() => client.frames.length, { timeout: 10_000 }).toBe(40);
    expect(client.frames[39]).toMatchObject({ opcode: pong, payload: Buffer.from('39') });
    client.socket.destroy();
  });
});

describe('a connection that', () => {
  it('ends in the middle of a frame starts nothing', async () => {
    const client = new RawSocket(port, PATH);
    await client.status;
    client.write(text(request).subarray(0, 12));
    client.socket.end();
    await client.closed;
    await expectServing();
  });

  it('is reset right after its request frees it', async () => {
    for (let round = 0; round < 20; round++) {
      const client = new RawSocket(port, PATH);
      await client.status;
      client.write(text(request), text(request));
      client.socket.resetAndDestroy();
    }
    await expectServing();
  });

  it('floods with pings is cut off', async () => {
    const client = new RawSocket(port, PATH);
    for (let sent = 0; sent < 5000; sent++) client.write(frameBytes('x', { opcode: ping }));
    expect(await client.closed).toBe(null);
    await expectServing();
  });

  it('closes while it is answered gets its close back', async () => {
    const client = new RawSocket(port, PATH);
    client.write(text(request), frameBytes(closeBody(1001), { opcode: close }), text(request));
    expect(await client.closed).toBe(1001);
    await expectServing();
  });

  it('sends its frames byte by byte is served', async () => {
    const client = new RawSocket(port, PATH);
    await client.status;
    for (const byte of text(request)) {
      client.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await expect.poll(() => client.texts.at(-1)).toBe('{"type":"done"}');
    client.socket.destroy();
  });

  it('sends its first frame with the upgrade is served', async () => {
    const client = new RawSocket(port, PATH);
    client.write(text(request));
    await expect.poll(() => client.texts.at(-1)).toBe('{"type":"done"}');
    client.socket.destroy();
  });
});

describe('an upgrade is refused', () => {
  it.each<readonly [string, number, readonly string[]]>([
    ['with a version of the protocol that nobody speaks', 400, ['sec-websocket-version: 7']],
    ['with a key of the wrong length', 400, ['sec-websocket-key: aGk=']],
    ['of a foreign page', 403, ['origin: http://evil.example']],
    ['of a page whose origin is no address', 403, ['origin: null']],
  ])('%s', async (_name, status, headers) => {
    const client = new RawSocket(port, PATH, headers);
    expect(await client.status).toBe(status);
    client.socket.destroy();
  });
});
