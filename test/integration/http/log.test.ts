/** One line for each request; texts are in it only where that is configured. */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/http/clock.ts';
import type { ServerDeps } from '../../../src/http/index.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';

/** A server whose log lines are kept. */
function loggedServer(content: boolean, deps: Partial<ServerDeps> = {}, slowRequestMs = 0) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  const server = testServer({
    script: saying('the answer', EOS_ID),
    config: { log: { content, slowRequestMs } },
    deps: { logger, ...deps },
  });
  return { ...server, lines };
}

const SECRET = 'my secret question';
const ask = ({ app }: ReturnType<typeof loggedServer>, stream: boolean, fields: object = {}) =>
  app.inject({
    method: 'POST',
    url: '/v1/chat/completions',
    headers: { 'x-request-id': 'r-1' },
    payload: { messages: [{ role: 'user', content: SECRET }], stream, ...fields },
  });

describe.each([true, false])('the log of a request (stream: %s)', (stream) => {
  it('has counts and times, and no text', async () => {
    const server = loggedServer(false);
    await ask(server, stream, { n: 2 });
    await expect.poll(() => server.lines.length).toBe(1);
    expect(server.lines[0]).toMatchObject({
      msg: 'request',
      requestId: 'r-1',
      route: '/v1/chat/completions',
      method: 'POST',
      status: 200,
      tenant: '',
      promptTokens: 36,
      completionTokens: 22,
      cachedTokens: 0,
      finishReasons: ['stop', 'stop'],
      error: null,
      preemptions: 0,
    });
    const text = JSON.stringify(server.lines);
    expect(text).not.toContain('secret');
    expect(text).not.toContain('answer');
  });

  it('has the texts where that is configured', async () => {
    const server = loggedServer(true);
    await ask(server, stream);
    await expect.poll(() => server.lines.length).toBe(1);
    expect(server.lines[0]).toMatchObject({
      prompts: [expect.stringContaining(SECRET)],
      completions: ['the answer'],
    });
  });

  it('names the error of a request that failed', async () => {
    const server = loggedServer(false);
    server.engine.script = null;
    const answer = ask(server, stream);
    await expect.poll(() => server.engine.openCount).toBe(1);
    server.engine.lose();
    expect((await answer).statusCode).toBe(500);
    const line = server.lines.find(({ msg }) => msg === 'request');
    expect(line).toMatchObject({ status: 500, error: 'ETAP_ERR_ENGINE_LOST' });
  });

  it('of a bad request has no text either', async () => {
    const server = loggedServer(true);
    await ask(server, stream, { temperature: 'secret' });
    await expect.poll(() => server.lines.length).toBe(1);
    expect(server.lines[0]).toMatchObject({ status: 400 });
    expect(JSON.stringify(server.lines)).not.toContain('secret');
  });
});

const TRACE = '0af7651916cd43dd8448eb211c80319c';

it('names the trace of the caller and what the gateway says of the request', async () => {
  const server = loggedServer(false);
  await server.app.inject({
    url: '/v1/models',
    headers: {
      traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
      'x-llm-d-inference-fairness-id': 'team-a',
      'x-llm-d-inference-objective': 'x'.repeat(500),
    },
  });
  await expect.poll(() => server.lines.length).toBe(1);
  const expected = { traceId: TRACE, fairnessId: 'team-a', objective: 'x'.repeat(128) };
  expect(server.lines[0]).toMatchObject(expected);
});

it.each([
  [1, ['request', 'slow request']],
  [3_600_000, ['request']],
  [0, ['request']],
])('with log.slowRequestMs %d a generation has the lines %j', async (slowRequestMs, lines) => {
  let ms = 0;
  const clock = { ...systemClock, now: () => (ms += 10) };
  const server = loggedServer(false, { clock }, slowRequestMs);
  await ask(server, false);
  await expect.poll(() => server.lines.map(({ msg }) => msg)).toEqual(lines);
  const phases = { reason: expect.any(String), queueMs: expect.any(Number) };
  if (slowRequestMs === 1) expect(server.lines[1]).toMatchObject({ level: 40, ...phases });
});
