/** Every route but the completions: who may call it, and what it answers in which state. */
import { describe, expect, it } from 'vitest';
import { ROUTES, type RouteRow } from '../../../src/http/route-table.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { MODEL, saying, testServer } from '../../support/http-server.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** The table of routes, which another test holds against the server, as paths to ask for. */
const pathsOf = (routes: readonly RouteRow[]) => [
  ...new Set(routes.map(({ path }) => path.replace('*', MODEL).replace(':id', 'resp_1'))),
];
const OPEN = pathsOf(ROUTES.filter(({ open }) => open === true));
const KEYED = pathsOf(ROUTES.filter(({ open }) => open !== true));
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('keys', () => {
  const { app } = testServer({ deps: { apiKeys: ['right', 'other'] } });

  const TRICKS = [
    '/nowhere',
    '//v1/models',
    '/V1/models',
    '/v1/models/',
    '/v1%2fmodels',
    '/v1/models.',
    '/health/..%2fv1/models',
    '/health?x=/v1/models',
    '/healthz',
    '/health/',
  ];

  it.each([...KEYED, ...TRICKS.filter((path) => !path.startsWith('/health?'))])(
    'guard %s on every method',
    async (url) => {
      for (const method of METHODS) {
        for (const headers of [{}, bearer('wrong'), { authorization: 'right' }]) {
          const answer = await app.inject({ method, url, headers });
          expect(`${method} ${answer.statusCode}`).toBe(`${method} 401`);
          expect(answer.headers['www-authenticate']).toBe('Bearer');
          if (method === 'HEAD') continue;
          expect(answer.json().error).toMatchObject({
            type: 'authentication_error',
            code: 'invalid_api_key',
          });
        }
      }
    },
  );

  it('open what they guard', async () => {
    for (const key of ['right', 'other']) {
      expect((await app.inject({ url: '/v1/models', headers: bearer(key) })).statusCode).toBe(200);
    }
  });

  it.each(OPEN)('are not asked for %s', async (url) => {
    expect((await app.inject(url)).statusCode).toBe(200);
  });

  it('are not asked for /metrics where that is configured', async () => {
    const config = { metrics: { auth: 'none' as const } };
    const open = testServer({ config, deps: { apiKeys: ['right'] } });
    expect((await open.app.inject('/metrics')).statusCode).toBe(200);
    expect((await open.app.inject('/load')).statusCode).toBe(401);
  });

  it('divide the prefix cache and the fair shares, whatever salt a client sends', async () => {
    const server = testServer({ script: saying('a', EOS_ID), deps: { apiKeys: ['one', 'two'] } });
    const ask = (key: string, salt?: string) =>
      server.app.inject({
        method: 'POST',
        url: '/v1/completions',
        headers: bearer(key),
        payload: { prompt: 'same', ...(salt !== undefined && { cache_salt: salt }) },
      });
    await ask('one');
    await ask('two');
    await ask('one', 'x');
    await ask('one');
    const commands = server.engine.sequences.map(({ command }) => command);
    const [one, two, salted, again] = commands.map(({ cacheSalt }) => cacheSalt);
    expect(new Set([one, two, salted]).size).toBe(3);
    expect(again).toBe(one);
    expect(commands[0]?.tenant).not.toBe(commands[1]?.tenant);
    await ask('two', one);
    expect(server.engine.last.command.cacheSalt).not.toBe(one);
  });

  it('end only requests of their own', async () => {
    const server = testServer({ deps: { apiKeys: ['one', 'two'] } });
    const answer = server.app.inject({
      method: 'POST',
      url: '/v1/completions',
      headers: bearer('one'),
      payload: { prompt: 'a', request_id: 'r' },
    });
    await expect.poll(() => server.engine.openCount).toBe(1);
    const abort = (key: string) =>
      server.app.inject({
        method: 'POST',
        url: '/abort_request',
        headers: bearer(key),
        payload: { rid: 'r' },
      });
    expect((await abort('two')).json()).toEqual({ aborted: 0 });
    expect((await abort('one')).json()).toEqual({ aborted: 1 });
    expect((await answer).statusCode).toBe(409);
  });
});

describe('health', () => {
  it.each([
    ['loading', 200, 503],
    ['ready', 200, 200],
    ['restarting', 200, 503],
    ['failed', 503, 503],
    ['stopped', 200, 503],
  ] as const)('of a %s engine', async (state, live, ready) => {
    const { app, engine } = testServer();
    engine.state = state;
    for (const url of ['/health/live', '/live']) {
      expect((await app.inject(url)).statusCode).toBe(live);
    }
    for (const url of ['/health', '/health/ready', '/ready', '/v1/models']) {
      const answer = await app.inject(url);
      expect(answer.statusCode).toBe(ready);
      if (ready === 503) {
        expect(answer.json().error.code).toBe('engine_not_ready');
        expect(answer.headers['retry-after']).toBe('5');
      }
    }
  });

  it('is gone while draining, though requests are still served until they are refused', async () => {
    const { app, metrics } = testServer({ script: saying('a', EOS_ID) });
    const ask = () =>
      app.inject({ method: 'POST', url: '/v1/completions', payload: { prompt: 'a' } });
    await app.ready();
    app.drain.begin();
    expect((await app.inject('/health')).json().error.code).toBe('server_shutting_down');
    expect((await app.inject('/health/live')).statusCode).toBe(200);
    expect((await ask()).statusCode).toBe(200);
    app.drain.refuseRequests();
    const refused = await ask();
    expect(refused.statusCode).toBe(503);
    expect(refused.headers).toMatchObject({ connection: 'close', 'retry-after': '5' });
    expect(refused.json().error.code).toBe('server_shutting_down');
    expect(metrics.rejections).toEqual(['shutting_down']);
  });

  it('does not serve requests of an engine that is not ready', async () => {
    const { app, engine, text, metrics } = testServer();
    engine.state = 'restarting';
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/completions',
      payload: { prompt: 'a' },
    });
    expect(answer.statusCode).toBe(503);
    expect(text.encodeCount).toBe(0);
    expect(metrics.rejections).toEqual(['engine_not_ready']);
  });
});

describe('routes', () => {
  const server = testServer({ script: saying('a', EOS_ID) });
  const { app } = server;
  const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload });

  it('list the served model', async () => {
    const list = (await app.inject('/v1/models')).json();
    expect(list).toEqual({
      object: 'list',
      data: [
        {
          id: MODEL,
          object: 'model',
          created: expect.any(Number),
          owned_by: 'etap',
          root: MODEL,
          parent: null,
          max_model_len: 2048,
          permission: [],
        },
      ],
    });
    expect((await app.inject(`/v1/models/${MODEL}`)).json()).toEqual(list.data[0]);
    expect((await app.inject('/v1/models/org/other')).json().error.code).toBe('model_not_found');
  });

  it('find a model whose name has slashes, encoded or not', async () => {
    const named = testServer({ deps: { modelName: 'org/model v1' } }).app;
    for (const path of ['org/model%20v1', 'org%2Fmodel%20v1']) {
      expect((await named.inject(`/v1/models/${path}`)).json().id).toBe('org/model v1');
    }
  });

  it('turn text into tokens and back', async () => {
    const answer = (await post('/tokenize', { prompt: 'aé', return_token_strs: true })).json();
    expect(answer).toEqual({
      count: 4,
      max_model_len: 2048,
      tokens: [256, 97, 195, 169],
      token_strs: ['<bos>', 'a', '\ufffd', '\ufffd'],
    });
    const plain = await post('/tokenize', { prompt: 'a', add_special_tokens: false });
    expect(plain.json()).toMatchObject({ tokens: [97], token_strs: null });
    const text = (await post('/detokenize', { tokens: answer.tokens })).json();
    expect(text).toEqual({ prompt: '<bos>aé' });
  });

  it('render a conversation', async () => {
    const messages = [
      { role: 'developer', content: 'be kind' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ];
    const rendered = (await post('/apply-template', { messages })).json();
    expect(rendered).toEqual({ prompt: '<bos>[system]be kind[user]a\nb[assistant]' });
    const without = await post('/apply-template', { messages, add_generation_prompt: false });
    expect(without.json().prompt).toMatch(/a\nb$/);
    const tokens = (await post('/tokenize', { messages })).json().tokens;
    expect((await post('/detokenize', { tokens })).json()).toEqual(rendered);
  });

  it('tell version and load', async () => {
    expect((await app.inject('/version')).json()).toMatchObject({
      version: '0.0.0-test',
      model: MODEL,
      backend: 'scripted',
    });
    expect((await app.inject('/load')).json()).toEqual({
      server_load: 0,
      requests_running: 0,
      requests_waiting: 0,
    });
  });

  it('publish the metrics as Prometheus reads them', async () => {
    const scraped = await app.inject('/metrics');
    expect(scraped.body).toBe('etap_requests_running 0\n');
    expect(scraped.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('answer unknown paths, wrong methods and bad URLs with an error object', async () => {
    const cases = [
      ['GET', '/nope', 404, 'not_found'],
      ['POST', '/v1/embeddings', 404, 'not_found'],
      ['GET', '/v1/chat/completions', 426, 'upgrade_required'],
      ['GET', '/tokenize', 405, 'method_not_allowed'],
      ['DELETE', '/health', 405, 'method_not_allowed'],
      ['GET', '/%zz', 400, null],
    ] as const;
    for (const [method, url, status, code] of cases) {
      const answer = await app.inject({ method, url });
      expect(answer.statusCode).toBe(status);
      expect(answer.json().error).toMatchObject({ type: 'invalid_request_error', code });
    }
    const wrong = await app.inject({ method: 'GET', url: '/tokenize?x=1' });
    expect(wrong.headers.allow).toBe('POST');
  });

  it('give back the id of a request, or one of theirs', async () => {
    const sent = { 'x-request-id': 'abc-123' };
    expect((await app.inject({ url: '/live', headers: sent })).headers).toMatchObject(sent);
    for (const bad of ['', 'has space', 'x'.repeat(129), 'é']) {
      const answer = await app.inject({ url: '/live', headers: { 'x-request-id': bad } });
      expect(answer.headers['x-request-id']).toMatch(/^req_[0-9a-f]{32}$/);
    }
    const failed = await app.inject({ url: '/nope', headers: sent });
    expect(failed.headers).toMatchObject(sent);
  });

  it('are counted by their templates', async () => {
    const counted = testServer();
    await counted.app.inject('/v1/models/some/thing');
    await counted.app.inject('/secret-path');
    expect(counted.metrics.exchanges).toMatchObject([
      { route: '/v1/models/*', method: 'GET', status: 404 },
      { route: 'unknown', method: 'GET', status: 404 },
    ]);
  });

  it('allow the origins that are configured, and ask no key for a preflight', async () => {
    const origin = 'https://chat.example';
    const config = { server: { corsOrigins: [origin] } };
    const cors = testServer({ config, deps: { apiKeys: ['key'] } }).app;
    const preflight = await cors.inject({
      method: 'OPTIONS',
      url: '/v1/chat/completions',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.statusCode).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe(origin);
    const models = await cors.inject({ url: '/v1/models', headers: { origin } });
    expect(models.statusCode).toBe(401);
  });
});
