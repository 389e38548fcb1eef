/** The built server as a process of its own: `etap serve` over dist/, with what it printed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 10;
const CLI = 'dist/cli.js';

export type ProcessEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A command of the built CLI, running. */
export class CliProcess {
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, [CLI, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => resolve({ code, signal }));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** A server that is ready. */
export class ServedProcess {
  readonly cli: CliProcess;
  readonly url: string;

  private constructor(cli: CliProcess, url: string) {
    this.cli = cli;
    this.url = url;
  }

  /** The demo model's tokenizer over the simulated executor, on a free port. */
  static async start(...flags: string[]): Promise<ServedProcess> {
    const cli = new CliProcess([
      ...['serve', 'models/demo', '--executor', 'simulated', '--port', '0', '--log-level', 'warn'],
      ...flags,
    ]);
    const url = await until(() => {
      if (!cli.isRunning) throw new Error(`the server ended: ${cli.stderr}`);
      return /^ready +(\S+)$/m.exec(cli.stderr)?.[1];
    });
    return new ServedProcess(cli, url);
  }

  /** Process id of its engine process. */
  get enginePid(): number {
    const { pid } = this.cli;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
  }

  async status(path: string): Promise<number> {
    const response = await fetch(this.url + path);
    await response.body?.cancel();
    return response.status;
  }

  /** Resolves when the path answers with the status. */
  async untilStatus(path: string, status: number): Promise<void> {
    await until(async () => ((await this.status(path)) === status ? true : undefined));
  }

  /** Resolves when the engine computes this many sequences. */
  async untilRunning(count: number): Promise<void> {
    await until(async () => {
      const load = (await (await fetch(`${this.url}/load`)).json()) as { requests_running: number };
      return load.requests_running === count ? true : undefined;
    });
  }

  complete(maxTokens: number, stream: boolean, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.url}/v1/completions`, {
      method: 'POST',
      ...(signal === undefined ? {} : { signal }),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'demo',
        prompt: 'Once',
        max_tokens: maxTokens,
        ignore_eos: true,
        stream,
      }),
    });
  }

  /** A stream that has begun. */
  async stream(maxTokens: number): Promise<EventStream> {
    const response = await this.complete(maxTokens, true);
    const stream = new EventStream(response);
    await until(() => (stream.events.length > 0 ? true : undefined));
    return stream;
  }
}

type StreamEvent = {
  readonly error?: { readonly code: string };
  readonly choices?: readonly { readonly finish_reason: string | null }[];
};

/** Reads server-sent events as they come. */
export class EventStream {
  readonly events: StreamEvent[] = [];
  /** Resolves when the response ended; true when its last event was `[DONE]`. */
  readonly ended: Promise<boolean>;

  constructor(response: Response) {
    this.ended = this.#read(response);
  }

  /** The code of the error event, or the finish reason. */
  get outcome(): string | null {
    const last = this.events.at(-1);
    return last?.error?.code ?? last?.choices?.[0]?.finish_reason ?? null;
  }

  async #read(response: Response): Promise<boolean> {
    const decoder = new TextDecoder();
    let text = '';
    let done = false;
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        if (!frame.startsWith('data: ')) continue;
        done = frame === 'data: [DONE]';
        if (!done) this.events.push(JSON.parse(frame.slice('data: '.length)) as StreamEvent);
      }
    }
    return done;
  }
}

/** Whether a process runs; one that ended and was not reaped does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Resolves to the first value that is not undefined. */
export async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(POLL_MS);
  }
}
