/** Two seconds of what `npm run verify:sockets` does for a minute, and many sockets at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzzSockets } from '../../../tools/verify/sockets/fuzz.ts';
import { type StreamRequest, streamAll } from '../../../tools/verify/sockets/streams.ts';
import { type TestServer, testServer } from '../../support/http-server.ts';
import { listen } from '../../support/raw-client.ts';

const SOCKETS = 100;
const TOKENS = 100;

/** Says the first letters of its prompt again and again. */
const script = ({ promptTokens }: { readonly promptTokens: Int32Array }) =>
  Array.from({ length: TOKENS }, (_, index) => promptTokens[7 + (index % 3)] ?? 0);

let server: TestServer;
let port: number;

beforeAll(async () => {
  server = testServer({ script });
  port = await listen(server.app);
});

afterAll(() => server.app.close());

async function expectIdle(): Promise<void> {
  await expect.poll(() => server.engine.openCount, { timeout: 10_000 }).toBe(0);
  await expect.poll(() => server.app.drain.openRequestCount, { timeout: 10_000 }).toBe(0);
  await expect.poll(() => server.metrics.sockets.connections, { timeout: 10_000 }).toBe(0);
  expect(server.metrics.sockets.bufferedBytes).toBe(0);
}

const requests: readonly StreamRequest[] = Array.from({ length: SOCKETS }, (_, seed) => ({
  input: `${seed}`.padStart(3, '0'),
  seed,
}));
const expected = requests.map(({ input }) => input.repeat(TOKENS).slice(0, TOKENS));

describe('sockets', () => {
  it('stream side by side without losing, doubling or reordering an event', async () => {
    const texts = await streamAll(`http://127.0.0.1:${port}/v1/responses`, requests, TOKENS);
    expect(texts).toEqual(expected);
    await expectIdle();
  });

  it('leave nothing behind, whatever is sent over them', async () => {
    const fuzz = fuzzSockets({ port, seed: 7, milliseconds: 2000, sockets: 8 });
    const url = `http://127.0.0.1:${port}/v1/responses`;
    expect(await streamAll(url, requests.slice(0, 5), TOKENS)).toEqual(expected.slice(0, 5));
    expect((await fuzz).frames).toBeGreaterThan(10);
    expect(await streamAll(url, requests.slice(0, 5), TOKENS)).toEqual(expected.slice(0, 5));
    await expectIdle();
  });
});
