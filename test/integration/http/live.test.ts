/** The live feed over real sockets: who may read it, what it costs, how it ends. */
import { afterEach, describe, expect, it } from 'vitest';
import type { LivePicture } from '../../../src/engine/index.ts';
import { LIVE_READERS_MAX } from '../../../src/http/live/index.ts';
import { type TestServerOptions, testServer } from '../../support/http-server.ts';
import { until } from '../../support/served-process.ts';

const PICTURE: LivePicture = {
  steps: [],
  sequences: Int32Array.of(1, 0, 100, 64, 103),
  firstTokenMs: new Float64Array(),
  emittedTokenCount: 1,
  blocks: { cells: Uint8Array.of(2, 0), blocksPerCell: 1, counts: Int32Array.of(1, 0, 1, 0) },
};

const open: ReturnType<typeof testServer>[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ app }) => app.close()));
});

async function listening(options: TestServerOptions = {}) {
  const server = testServer(options);
  open.push(server);
  const url = await server.app.listen({ port: 0, host: '127.0.0.1' });
  return { ...server, url: `${url}/v1/etap/live` };
}

/** Reads frames of a feed until told to leave. */
async function reader(url: string) {
  const leaving = new AbortController();
  const response = await fetch(url, { signal: leaving.signal });
  const frames: { readonly state: string; readonly picture?: { readonly sequences: unknown } }[] =
    [];
  const read = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      for (const block of decoder.decode(chunk as Uint8Array).split('\n\n')) {
        if (block.startsWith('data: ')) frames.push(JSON.parse(block.slice(6)));
      }
    }
  };
  const ended = read().catch(() => undefined);
  return { response, frames, ended, leave: () => leaving.abort() };
}

describe('GET /v1/etap/live', () => {
  it('watches the engine only while someone reads', async () => {
    const { engine, url } = await listening();
    expect(engine.watchers.size).toBe(0);
    const first = await reader(url);
    const second = await reader(url);
    expect(first.response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(engine.watchers.size).toBe(1);

    for (const show of engine.watchers) show(PICTURE);
    for (const { frames } of [first, second]) {
      await until(() => frames.find(({ picture }) => picture !== undefined));
      expect(frames.at(-1)?.picture?.sequences).toEqual([[1, 0, 100, 64, 103]]);
    }

    first.leave();
    second.leave();
    await until(() => (engine.watchers.size === 0 ? true : undefined));
  });

  it('asks for a key where the API does', async () => {
    const { url } = await listening({ deps: { apiKeys: ['secret'] } });
    const refused = await fetch(url);
    expect(refused.status).toBe(401);
    await refused.body?.cancel();
    const allowed = await fetch(url, { headers: { authorization: 'Bearer secret' } });
    expect(allowed.status).toBe(200);
    await allowed.body?.cancel();
  });

  it('takes a bounded number of readers', async () => {
    const { url } = await listening();
    const readers = await Promise.all(Array.from({ length: LIVE_READERS_MAX }, () => reader(url)));
    const refused = await fetch(url);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
    for (const { leave } of readers) leave();
  });

  it('ends when the server stops', async () => {
    const { app, engine, url } = await listening();
    const { ended } = await reader(url);
    await app.close();
    await ended;
    expect(engine.watchers.size).toBe(0);
  });
});
