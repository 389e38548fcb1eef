/**
 * `npm run verify:start`: what a newcomer waits for. Clones what is committed into a temporary folder,
 * runs `npm start` and the curl line of the README there, stops the server, and starts it again.
 * Prints the seconds to the first streamed token; exits 1 when a bound is passed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const FIRST_START_S_MAX = 180;
const SECOND_START_S_MAX = 5;
const POLL_MS = 10;
/** What would make the first build faster than a newcomer's. */
const NOT_INHERITED = /^(CCACHE_|CMAKE_|CC$|CXX$|npm_)/;

type Start = { readonly readySeconds: number; readonly tokenSeconds: number };

const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !NOT_INHERITED.test(name)),
);

async function succeed(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: 'inherit' });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
}

/** The README's first request, asked of this port. */
function curlLine(folder: string, port: string): string {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const line = /^curl -N[\s\S]+?\n(?=```)/m.exec(readme)?.[0];
  if (line === undefined) throw new Error('the README has no curl line');
  return line.replace('127.0.0.1:8000', `127.0.0.1:${port}`);
}

function collect(child: ChildProcess): { text: string } {
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output.text += chunk.toString();
    });
  }
  return output;
}

async function waitFor(child: ChildProcess, output: { text: string }, pattern: RegExp) {
  for (;;) {
    const found = pattern.exec(output.text);
    if (found !== null) return found;
    if (child.exitCode !== null) throw new Error(`ended before ${pattern}:\n${output.text}`);
    await wait(POLL_MS);
  }
}

async function start(folder: string): Promise<Start> {
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  const server = spawn('npm', ['start', '--', '--port', '0'], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise((resolve) => server.once('exit', resolve));
  const [, port = ''] = await waitFor(server, collect(server), /^ready +http:\S+:(\d+)/m);
  const readySeconds = seconds();
  const curl = spawn('bash', ['-c', curlLine(folder, port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  await waitFor(curl, collect(curl), /"(reasoning_)?content":"[^"]/);
  const tokenSeconds = seconds();
  curl.kill();
  // The second signal skips waiting for open requests.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    server.kill(signal);
    await wait(POLL_MS);
  }
  await exited;
  return { readySeconds, tokenSeconds };
}

function report(name: string, { readySeconds, tokenSeconds }: Start, bound: number): boolean {
  const late = readySeconds > bound;
  console.log(
    `${name}: ready after ${readySeconds.toFixed(1)} s (bound ${bound} s), first token of the ` +
      `README's request after ${tokenSeconds.toFixed(1)} s${late ? ': TOO LATE' : ''}`,
  );
  return !late;
}

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'etap-start-'));
  try {
    await succeed('git', ['clone', '--quiet', '--no-hardlinks', process.cwd(), folder]);
    const first = await start(folder);
    const second = await start(folder);
    const shown = [
      report('first start of a fresh clone', first, FIRST_START_S_MAX),
      report('second start', second, SECOND_START_S_MAX),
    ];
    return shown.every((ok) => ok) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
