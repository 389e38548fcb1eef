/** Forgetting cached prompts is for keys that may touch everybody. */
import { describe, expect, it } from 'vitest';
import { testServer } from '../../support/http-server.ts';

describe.each(['/flush_cache', '/reset_prefix_cache'])('POST %s', (url) => {
  it('flushes the prefix cache', async () => {
    const { app, engine } = testServer();
    const answer = await app.inject({ method: 'POST', url });
    expect([answer.statusCode, answer.json()]).toEqual([200, { flushed: true }]);
    expect(engine.flushCount).toBe(1);
  });

  it('says that there is no engine', async () => {
    const { app, engine } = testServer();
    engine.state = 'restarting';
    expect((await app.inject({ method: 'POST', url })).statusCode).toBe(503);
    expect(engine.flushCount).toBe(0);
  });
});
