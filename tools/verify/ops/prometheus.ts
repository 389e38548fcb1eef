/** A real Prometheus: the installed one, or Debian's package unpacked into build/ without installing it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { runCommand } from './run-command.ts';

const FOLDER = 'build/tools/prometheus';
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 200;

/** Path of `prometheus` or `promtool`. */
export async function prometheusTool(name: 'prometheus' | 'promtool'): Promise<string> {
  const unpacked = resolve(FOLDER, 'usr/bin', name);
  if (existsSync(unpacked)) return unpacked;
  const installed = `/usr/bin/${name}`;
  if (existsSync(installed)) return installed;
  mkdirSync(FOLDER, { recursive: true });
  const download = await runCommand('apt-get', ['download', 'prometheus'], { cwd: FOLDER });
  const archive = readdirSync(FOLDER).find((file) => file.endsWith('.deb'));
  if (archive === undefined) {
    throw new Error(`no Prometheus here, and its package cannot be fetched: ${download.output}`);
  }
  await runCommand('dpkg', ['-x', join(FOLDER, archive), FOLDER]);
  rmSync(join(FOLDER, archive));
  return unpacked;
}

export type Sample = {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
};

/** A running Prometheus with its data in a folder. */
export class Prometheus {
  readonly #url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.#url = url;
    this.#child = child;
  }

  static async start(configFile: string, dataFolder: string, port: number): Promise<Prometheus> {
    const address = `127.0.0.1:${port}`;
    const child = spawn(
      await prometheusTool('prometheus'),
      [
        `--config.file=${configFile}`,
        `--storage.tsdb.path=${dataFolder}`,
        `--web.listen-address=${address}`,
        '--log.level=error',
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const prometheus = new Prometheus(`http://${address}`, child);
    for (const deadline = Date.now() + READY_TIMEOUT_MS; !(await prometheus.#isReady()); ) {
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`Prometheus did not start (exit code ${child.exitCode})`);
      }
      await wait(POLL_MS);
    }
    return prometheus;
  }

  /** The samples of an instant query; scalars become one sample. */
  async query(expr: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr }),
    });
    const answer = (await response.json()) as QueryAnswer;
    if (answer.status !== 'success') throw new Error(`${expr}: ${answer.error}`);
    const { resultType, result } = answer.data;
    return resultType === 'scalar'
      ? [{ metric: {}, value: result as unknown as Sample['value'] }]
      : result;
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await exited;
  }

  async #isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.#url}/-/ready`)).ok;
    } catch {
      return false;
    }
  }
}

type QueryAnswer = {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly resultType: string; readonly result: Sample[] };
};
