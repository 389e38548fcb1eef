/** What a key may do and use, over the wire. */
import { describe, expect, it } from 'vitest';
import { type ApiKey, plainKey } from '../../../src/keys/index.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';

const UNLIMITED = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };

const keyWith = (changes: Partial<ApiKey>): ApiKey => ({
  ...plainKey('key', UNLIMITED),
  ...changes,
});

function serverWith(changes: Partial<ApiKey>) {
  const server = testServer({
    script: saying('abc', EOS_ID),
    deps: { apiKeys: [keyWith(changes)] },
  });
  const ask = (payload: object = {}) =>
    server.app.inject({
      method: 'POST',
      url: '/v1/completions',
      headers: { authorization: 'Bearer key' },
      payload: { prompt: 'four', ...payload },
    });
  return { ...server, ask };
}

describe('scopes', () => {
  it('open what they name; another route answers 403 and says which scope it needs', async () => {
    const { app, ask, metrics } = serverWith({ scopes: ['metrics'] });
    const headers = { authorization: 'Bearer key' };
    expect((await app.inject({ url: '/metrics', headers })).statusCode).toBe(200);
    const refused = await ask();
    expect(refused.statusCode).toBe(403);
    expect(refused.json().error).toMatchObject({
      type: 'permission_error',
      code: 'insufficient_scope',
      message: expect.stringContaining('`infer`'),
    });
    expect(metrics.authFailures).toBe(1);
  });

  it('keep what touches everybody from a key that only asks', async () => {
    const { app, engine } = serverWith({ scopes: ['infer'] });
    const headers = { authorization: 'Bearer key' };
    for (const url of ['/flush_cache', '/reset_prefix_cache']) {
      const refused = await app.inject({ method: 'POST', url, headers });
      expect(refused.statusCode).toBe(403);
      expect(refused.json().error.message).toContain('`admin`');
    }
    expect(engine.flushCount).toBe(0);
  });
});

describe('limits of a key', () => {
  it('count requests, and tell what is left and when to come back', async () => {
    const { ask, metrics } = serverWith({ limits: { ...UNLIMITED, requestsPerMinute: 2 } });
    const first = await ask();
    expect(first.headers).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
    });
    await ask();
    const refused = await ask();
    expect(refused.statusCode).toBe(429);
    expect(refused.json().error).toMatchObject({
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
      message: expect.stringContaining('2 requests a minute'),
    });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused.headers['x-ratelimit-remaining-requests']).toBe('0');
    expect(metrics.rejections).toEqual(['rate_limit']);
  });

  it('charge prompt and completion, and refuse before anything is computed', async () => {
    const { ask, engine } = serverWith({ limits: { ...UNLIMITED, tokensPerMinute: 10 } });
    expect((await ask()).statusCode).toBe(200);
    const refused = await ask();
    expect(refused.statusCode).toBe(429);
    expect(refused.json().error.message).toContain('10 tokens a minute');
    expect(engine.sequences).toHaveLength(1);
  });

  it('tell a prompt that can never fit not to come back', async () => {
    const { ask } = serverWith({ limits: { ...UNLIMITED, tokensPerMinute: 3 } });
    const refused = await ask();
    expect(refused.statusCode).toBe(429);
    expect(refused.headers).toMatchObject({ 'x-should-retry': 'false' });
    expect(refused.headers['retry-after']).toBeUndefined();
  });

  it('send their headers with a stream too', async () => {
    const { ask } = serverWith({ limits: { ...UNLIMITED, requestsPerMinute: 5 } });
    const stream = await ask({ stream: true });
    expect(stream.headers).toMatchObject({ 'x-ratelimit-remaining-requests': '4' });
    expect(stream.body).toContain('[DONE]');
  });

  it('bound the requests that are open at a time, and free the place at the end', async () => {
    const server = testServer({
      deps: { apiKeys: [keyWith({ limits: { ...UNLIMITED, concurrentRequests: 1 } })] },
    });
    const ask = () =>
      server.app.inject({
        method: 'POST',
        url: '/v1/completions',
        headers: { authorization: 'Bearer key' },
        payload: { prompt: 'a', request_id: 'r' },
      });
    const open = ask();
    await expect.poll(() => server.engine.openCount).toBe(1);
    expect((await ask()).statusCode).toBe(429);
    await server.app.inject({
      method: 'POST',
      url: '/abort_request',
      headers: { authorization: 'Bearer key' },
      payload: { rid: 'r' },
    });
    expect((await open).statusCode).toBe(409);
    const next = ask();
    await expect.poll(() => server.engine.openCount).toBe(1);
    server.engine.finish(server.engine.last, { reason: 'stop' });
    expect((await next).statusCode).toBe(200);
  });

  it('hold the class of a key against what requests ask for', async () => {
    const { ask, engine } = serverWith({ priority: 4 });
    for (const priority of [undefined, 0, 4, 7]) await ask({ priority });
    expect(engine.sequences.map(({ command }) => command.priority)).toEqual([4, 4, 4, 7]);
  });
});

describe('reading the keys again', () => {
  it('lets new keys in and old ones out without a restart', async () => {
    const { app } = testServer({ deps: { apiKeys: ['old'] } });
    const status = async (key: string) =>
      (await app.inject({ url: '/v1/models', headers: { authorization: `Bearer ${key}` } }))
        .statusCode;
    await app.ready();
    expect([await status('old'), await status('new')]).toEqual([200, 401]);
    app.replaceAccess({ apiKeys: [plainKey('new', UNLIMITED)], tls: null });
    expect([await status('old'), await status('new')]).toEqual([401, 200]);
  });
});

it('every answer says that it is private and what it is', async () => {
  const { app } = testServer();
  for (const url of ['/health', '/v1/models', '/nothing']) {
    expect((await app.inject(url)).headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
  }
});
