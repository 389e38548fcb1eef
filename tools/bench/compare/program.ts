/** Starts a peer's server on a free port, waits until it is ready, and stops it again. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const READY_TIMEOUT_MS = 300_000;
const POLL_MS = 100;

export type RunningProgram = { readonly url: string; stop(): Promise<void> };

type Program = {
  readonly command: string;
  readonly args: (port: number) => readonly string[];
  /** Path that answers 200 when the server takes requests. */
  readonly readyPath: string;
};

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** Any server that takes its port as an argument; its output is dropped. */
export async function startProgram(program: Program): Promise<RunningProgram> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(program.command, program.args(port), {
    stdio: 'ignore',
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await answers(`${url}${program.readyPath}`))) {
    if (failure !== undefined || child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      const reason = failure?.message ?? `exit code ${child.exitCode}`;
      throw new Error(`${program.command} did not become ready (${reason})`);
    }
    await wait(POLL_MS);
  }
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
