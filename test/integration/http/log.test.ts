/** One line for each request; texts are in it only where that is configured. */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';

/** A server whose log lines are kept. */
function loggedServer(content: boolean) {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) });
  const server = testServer({
    script: saying('the answer', EOS_ID),
    config: { log: { content } },
    deps: { logger },
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
