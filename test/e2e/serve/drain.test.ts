/** The built server stops: gracefully on the first signal, at once on the second. */
import { afterEach, describe, expect, it } from 'vitest';
import { isRunning, ServedProcess, until } from '../../support/served-process.ts';

const ENDLESS = 8000;
const STREAMS = 4;

const running: ServedProcess[] = [];

async function start(...flags: string[]): Promise<ServedProcess> {
  const server = await ServedProcess.start(...flags);
  running.push(server);
  return server;
}

afterEach(async () => {
  for (const { cli } of running.splice(0)) {
    cli.signal('SIGKILL');
    await cli.ended;
  }
});

describe('SIGTERM', () => {
  it('is unready at once, serves on for the delay, then lets open streams finish', async () => {
    const server = await start('--drain.delayMs', '3000', '--drain.timeoutMs', '60000');
    const pid = server.enginePid;
    // Keeps the server open until everything was asked, however fast the other streams end.
    const holder = new AbortController();
    await server.complete(ENDLESS, true, holder.signal);
    const streams = await Promise.all(Array.from({ length: STREAMS }, () => server.stream(150)));
    server.cli.signal('SIGTERM');
    await server.untilStatus('/health', 503);
    expect(await server.status('/health/live')).toBe(200);
    expect((await server.complete(1, false)).status).toBe(200);
    await until(async () => ((await server.complete(1, false)).status === 503 ? true : undefined));
    holder.abort();
    const done = await Promise.all(streams.map((stream) => stream.ended));
    expect(done).toEqual(streams.map(() => true));
    expect(streams.map(({ outcome }) => outcome)).toEqual(streams.map(() => 'length'));
    expect(await server.cli.ended).toEqual({ code: 0, signal: null });
    expect(isRunning(pid)).toBe(false);
  });

  it('ends streams that do not finish in time with an error event', async () => {
    const server = await start('--drain.delayMs', '0', '--drain.timeoutMs', '200');
    const stream = await server.stream(ENDLESS);
    server.cli.signal('SIGTERM');
    expect(await stream.ended).toBe(true);
    expect(stream.outcome).toBe('server_shutting_down');
    expect(await server.cli.ended).toEqual({ code: 0, signal: null });
  });

  it('given twice stops at once and leaves no engine process', async () => {
    const server = await start('--drain.timeoutMs', '60000');
    const pid = server.enginePid;
    const stream = await server.stream(ENDLESS);
    const broken = stream.ended.catch(() => 'broken');
    server.cli.signal('SIGTERM');
    await until(() => (server.cli.stderr.includes('on SIGTERM') ? true : undefined));
    server.cli.signal('SIGTERM');
    expect(await server.cli.ended).toEqual({ code: 143, signal: null });
    expect(await broken).not.toBe(true);
    await until(() => (isRunning(pid) ? undefined : true));
  });
});

describe('SIGINT', () => {
  it('skips the delay, which is there for routers', async () => {
    const server = await start('--drain.delayMs', '3600000');
    server.cli.signal('SIGINT');
    expect(await server.cli.ended).toEqual({ code: 0, signal: null });
    expect(server.cli.stderr).toContain('stopped');
  });
});
