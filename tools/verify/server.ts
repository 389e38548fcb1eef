/** The built server as a process of its own, on a free port, seen from outside. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const READY_TIMEOUT_MS = 120_000;
const POLL_MS = 5;

export class RunningServer {
  readonly url: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;

  constructor(url: string, pid: number, stop: () => Promise<void>) {
    this.url = url;
    this.pid = pid;
    this.stop = stop;
  }

  /** Process id of the engine process, the server's only child. */
  get enginePid(): number {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8');
    return Number(children.trim().split(' ')[0]);
  }

  async status(path: string): Promise<number> {
    const response = await fetch(this.url + path);
    await response.body?.cancel();
    return response.status;
  }

  /** Resolves to the milliseconds until the path answered with the status. */
  async untilStatus(path: string, status: number): Promise<number> {
    const startedMs = performance.now();
    while ((await this.status(path)) !== status) await wait(POLL_MS);
    return performance.now() - startedMs;
  }

  /** Values of all samples by name and labels, as the text of /metrics spells them. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const samples = [...text.matchAll(/^([a-z_]+(?:\{[^}]*\})?) (\S+)$/gm)];
    return new Map(samples.map(([, name = '', value]) => [name, Number(value)]));
  }
}

/** `etap serve` with these arguments; resolves when it is ready. */
export async function startServer(args: readonly string[]): Promise<RunningServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    process.execPath,
    ['dist/cli.js', 'serve', ...args, '--port', String(port), '--log.level', 'fatal'],
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
  return new RunningServer(url, child.pid ?? 0, async () => {
    // The second signal skips the drain; equal signals would be taken for one.
    child.kill('SIGTERM');
    child.kill('SIGINT');
    await exited;
  });
}

/** A port that nobody listens on, for now. */
export async function freePort(): Promise<number> {
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
