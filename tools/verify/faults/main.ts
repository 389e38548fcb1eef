/**
 * `npm run verify:faults [MODEL_DIR]`: the engine process is killed, crashes and hangs while it serves
 * streams. Each time: error events on every stream, /health at 503 within a second (a hang: of its
 * detection), ready again without restarting the server, and the same answer as before.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { type RunningServer, startServer } from '../server.ts';

const DEFAULT_MODEL = 'models/demo';
const STREAMS = 16;
const TOKENS = 1500;
const UNREADY_MS_MAX = 1000;
const HEARTBEAT_TIMEOUT_MS = 1500;
/** So that the time without an engine is seen by a poll. */
const BACKOFF_MS = 500;
const BEGUN_POLL_MS = 5;

type Fault = {
  readonly name: string;
  readonly signal: NodeJS.Signals;
  /** Until the fault can be known. */
  readonly detectionMs: number;
};

const FAULTS: readonly Fault[] = [
  { name: 'killed (SIGKILL)', signal: 'SIGKILL', detectionMs: 0 },
  { name: 'crashed (SIGSEGV)', signal: 'SIGSEGV', detectionMs: 0 },
  { name: 'hangs (SIGSTOP)', signal: 'SIGSTOP', detectionMs: 1.5 * HEARTBEAT_TIMEOUT_MS },
];

type Stream = { begun: boolean; readonly end: Promise<string> };

/** What the last event of a stream says: a finish reason, the code of an error, or nothing. */
function lastEvent(text: string): string {
  const events = text.split('\n\n').filter((frame) => frame.startsWith('data: '));
  if (events.at(-1) !== 'data: [DONE]') return 'no [DONE]';
  const event = JSON.parse(events.at(-2)?.slice('data: '.length) ?? '{}') as {
    readonly error?: { readonly code: string };
    readonly choices?: readonly { readonly finish_reason: string | null }[];
  };
  return event.error?.code ?? event.choices?.[0]?.finish_reason ?? 'nothing';
}

const ask = (server: RunningServer, body: object) =>
  fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'Once upon a time', ignore_eos: true, ...body }),
  });

function openStream(server: RunningServer, seed: number): Stream {
  const stream: { begun: boolean; end: Promise<string> } = {
    begun: false,
    end: Promise.resolve(''),
  };
  stream.end = (async () => {
    const response = await ask(server, { stream: true, max_tokens: TOKENS, seed });
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      stream.begun = true;
    }
    return lastEvent(text);
  })();
  return stream;
}

async function probe(server: RunningServer): Promise<string> {
  const response = await ask(server, { max_tokens: 24, temperature: 0 });
  const answer = (await response.json()) as { readonly choices?: readonly { text: string }[] };
  return answer.choices?.[0]?.text ?? `status ${response.status}`;
}

async function inflict(server: RunningServer, fault: Fault): Promise<readonly string[]> {
  const before = await probe(server);
  const streams = Array.from({ length: STREAMS }, (_, seed) => openStream(server, seed));
  while (!streams.every(({ begun }) => begun)) await wait(BEGUN_POLL_MS);
  process.kill(server.enginePid, fault.signal);
  const unreadyMs = await server.untilStatus('/health', 503);
  const readyMs = unreadyMs + (await server.untilStatus('/health', 200));
  const ends = await Promise.all(streams.map(({ end }) => end));
  const errors = ends.filter((end) => end === 'engine_lost').length;
  const same = (await probe(server)) === before;
  console.log(
    `${fault.name.padEnd(18)} 503 after ${(unreadyMs / 1000).toFixed(2)} s, ${errors} of ` +
      `${STREAMS} streams ended with an error event, ready after ${(readyMs / 1000).toFixed(2)} s, ` +
      `${same ? 'same' : 'ANOTHER'} answer after it`,
  );
  const failures: string[] = [];
  if (unreadyMs > fault.detectionMs + UNREADY_MS_MAX) failures.push('503 came too late');
  if (errors !== STREAMS) failures.push(`the streams ended as ${[...new Set(ends)].join()}`);
  if (!same) failures.push('the answer changed');
  return failures.map((failure) => `${fault.name}: ${failure}`);
}

async function main(): Promise<number> {
  const [modelDir = DEFAULT_MODEL, ...flags] = process.argv.slice(2);
  const server = await startServer([
    modelDir,
    ...['--engine.heartbeatMs', '100'],
    ...['--engine.heartbeatTimeoutMs', String(HEARTBEAT_TIMEOUT_MS)],
    ...['--engine.restartBackoffMs', String(BACKOFF_MS)],
    ...flags,
  ]);
  try {
    const failures: string[] = [];
    for (const fault of FAULTS) failures.push(...(await inflict(server, fault)));
    for (const failure of failures) console.log(`FAILED: ${failure}`);
    if (failures.length === 0) console.log(`one server (pid ${server.pid}) survived all of them`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

process.exitCode = await main();
