/** The built server when its engine process is killed or hangs under load. */
import { afterEach, describe, expect, it } from 'vitest';
import { sampleValue } from '../../support/exposition.ts';
import { isRunning, ServedProcess, until } from '../../support/served-process.ts';

const STREAMS = 8;
/** More than the simulated engine generates within a test. */
const ENDLESS = 8000;

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

describe.each([
  ['is killed', 'SIGKILL', []],
  ['crashes', 'SIGSEGV', []],
  ['hangs', 'SIGSTOP', ['--engine.heartbeatMs', '50', '--engine.heartbeatTimeoutMs', '500']],
] as const)('an engine process that %s', (_name, signal, flags) => {
  it('costs error events and a restart, never the listener', async () => {
    // A pause before the restart, so that the time without an engine can be looked at.
    const server = await start('--engine.restartBackoffMs', '1500', ...flags);
    const streams = await Promise.all(
      Array.from({ length: STREAMS }, () => server.stream(ENDLESS)),
    );
    const waiting = server.complete(ENDLESS, false);
    await server.untilRunning(STREAMS + 1);
    const pid = server.enginePid;
    process.kill(pid, signal);
    const done = await Promise.all(streams.map((stream) => stream.ended));
    expect(done).toEqual(streams.map(() => true));
    expect(streams.map(({ outcome }) => outcome)).toEqual(streams.map(() => 'engine_lost'));
    expect((await waiting).status).toBe(500);
    await until(() => (isRunning(pid) ? undefined : true));
    expect(await server.status('/health')).toBe(503);
    expect(await server.status('/health/live')).toBe(200);
    const refused = await server.complete(1, false);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    await server.untilStatus('/health', 200);
    expect((await server.complete(3, false)).status).toBe(200);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(sampleValue(metrics, 'etap_engine_restarts_total')).toBe(1);
    expect(sampleValue(metrics, 'etap_engine_ready')).toBe(1);
    const errors = { finished_reason: 'error' };
    expect(sampleValue(metrics, 'etap_requests_finished_total', errors)).toBe(STREAMS + 1);
  });
});

describe('an engine that is lost too often', () => {
  it('ends the server with exit code 1', async () => {
    const server = await start('--engine.restartLimit', '0');
    const stream = await server.stream(ENDLESS);
    process.kill(server.enginePid, 'SIGKILL');
    await stream.ended;
    expect(stream.outcome).toBe('engine_lost');
    expect(await server.cli.ended).toEqual({ code: 1, signal: null });
    expect(server.cli.stderr).toContain('ETAP_ERR_ENGINE_LOST');
  });
});

describe('a server that is killed', () => {
  it('leaves no engine process behind', async () => {
    const server = await start();
    const pid = server.enginePid;
    server.cli.signal('SIGKILL');
    await server.cli.ended;
    await until(() => (isRunning(pid) ? undefined : true));
  });
});
