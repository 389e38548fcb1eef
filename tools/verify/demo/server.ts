/** Starts the built server on a free port and stops it again. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const READY_TIMEOUT_MS = 120_000;
const POLL_MS = 100;

export type RunningServer = { readonly url: string; stop(): Promise<void> };

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`)).ok;
  } catch {
    return false;
  }
}

/** `etap serve` with these arguments; resolves when it is ready. */
export async function startServer(args: readonly string[]): Promise<RunningServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    process.execPath,
    ['dist/cli.js', 'serve', ...args, '--port', String(port), '--log.level', 'warn'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (const deadline = Date.now() + READY_TIMEOUT_MS; !(await isReady(url)); ) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the server did not become ready (exit code ${child.exitCode})`);
    }
    await wait(POLL_MS);
  }
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      // The second signal skips the drain delay, which is there for routers.
      child.kill('SIGTERM');
      await exited;
    },
  };
}
