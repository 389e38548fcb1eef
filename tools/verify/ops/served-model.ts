/** The demo model, served with keys of two tenants and little KV memory, so that everything happens. */
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { type RunningServer, startServer } from '../server.ts';

export const KEYS = ['verify-ops-key-one', 'verify-ops-key-two'] as const;
const MODEL = 'models/demo';

/** Flags of a server whose metrics need no key. */
export const serveModel = (...flags: readonly string[]): Promise<RunningServer> =>
  startServer([
    MODEL,
    ...KEYS.flatMap((key) => ['--server.apiKeys', key]),
    ...['--metrics.auth', 'none', '--no-server.playground'],
    ...flags,
  ]);

export type Ask = {
  readonly key?: string;
  readonly prompt: string;
  readonly maxTokens: number;
  readonly signal?: AbortSignal;
};

/** One streamed completion, read to its end; the status, and the tokens as the server counts them. */
export async function complete(
  { url }: RunningServer,
  { key = KEYS[0], prompt, maxTokens, signal }: Ask,
): Promise<{ readonly status: number; readonly tokens: number }> {
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: 'demo',
      prompt,
      max_tokens: maxTokens,
      ignore_eos: true,
      stream: true,
      stream_options: { include_usage: true },
    }),
    ...(signal !== undefined && { signal }),
  });
  const text = await response.text();
  const usage = /"completion_tokens":(\d+)/.exec(text);
  return { status: response.status, tokens: Number(usage?.[1] ?? 0) };
}

/** Of the demo model's kind, as long as asked for; equal beginnings, so that the cache is hit. */
export function promptOf(words: number, seed: number): string {
  const corpus = readFileSync('README.md', 'utf8').split(/\s+/);
  const shared = corpus.slice(0, Math.floor(words / 2));
  const own = Array.from(
    { length: words - shared.length },
    (_, index) => corpus[(seed * 37 + index * 11) % corpus.length] ?? '',
  );
  return [...shared, ...own].join(' ');
}

/** Everything that a server sees in a day, for so many milliseconds. */
export async function loadFor(server: RunningServer, durationMs: number): Promise<number> {
  const endMs = Date.now() + durationMs;
  let requests = 0;
  const worker = async (index: number): Promise<void> => {
    for (let turn = 0; Date.now() < endMs; turn++) {
      requests++;
      const ask = { prompt: promptOf(40 + ((index * 53 + turn * 29) % 200), turn), maxTokens: 48 };
      await complete(server, { ...ask, key: KEYS[index % 2] ?? KEYS[0] });
    }
  };
  const nuisance = async (): Promise<void> => {
    for (; Date.now() < endMs; await wait(500)) {
      await complete(server, { key: 'nobody', prompt: 'x', maxTokens: 1 });
      await complete(server, { prompt: '', maxTokens: -1 });
      const gone = complete(server, {
        prompt: promptOf(50, 1),
        maxTokens: 200,
        signal: AbortSignal.timeout(200),
      });
      await gone.catch(() => {});
    }
  };
  await Promise.all([...Array.from({ length: 12 }, (_, index) => worker(index)), nuisance()]);
  return requests;
}
