/**
 * `npm run verify:sockets [-- SEED]`: 500 sockets stream at once from the built server over the
 * simulated engine, and no event is lost, doubled or reordered; then sockets are fuzzed for a minute
 * while others are served. Afterwards nothing may be left. Exits 1 where anything is.
 */
import { startServer } from '../server.ts';
import { fuzzSockets } from './fuzz.ts';
import { fieldsOf, type StreamRequest, streamAll } from './streams.ts';

const SOCKETS = 500;
const TOKENS = 64;
const FUZZ_MS = 60_000;
const FUZZ_SOCKETS = 32;
/** Answers over HTTP at a time. */
const CONCURRENCY = 64;

const seed = Number(process.argv[2] ?? 1);
const requests: readonly StreamRequest[] = Array.from({ length: SOCKETS }, (_, index) => ({
  input: `Question ${index}: what is ${index} + ${seed}?`,
  seed: index,
}));

const server = await startServer([
  'models/demo',
  '--engine.executor',
  'simulated',
  '--engine.maxSequences',
  '512',
]);
try {
  const startMs = performance.now();
  const streamed = await streamAll(`${server.url}/v1/responses`, requests, TOKENS);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const whole = await answerAll();
  const wrong = streamed.filter((text, index) => text !== whole[index]).length;
  console.log(`${SOCKETS} sockets streamed ${TOKENS} tokens each in ${seconds} s; wrong: ${wrong}`);

  const port = Number(new URL(server.url).port);
  const fuzz = fuzzSockets({ port, seed, milliseconds: FUZZ_MS, sockets: FUZZ_SOCKETS });
  const canaries = canary(fuzz);
  const { connections, frames } = await fuzz;
  const answered = await canaries;
  console.log(
    `seed ${seed}: ${frames} frames over ${connections} broken sockets; ` +
      `${answered.right} of ${answered.asked} responses beside them were right`,
  );
  const left = await leftOver();
  console.log(left.length === 0 ? 'nothing is left open' : `left: ${left.join(', ')}`);
  const failed = wrong > 0 || answered.right < answered.asked || left.length > 0;
  process.exitCode = failed ? 1 : 0;
} finally {
  await server.stop();
}

/** The same requests over HTTP, a few at a time. */
async function answerAll(): Promise<readonly string[]> {
  const texts: string[] = [];
  const queue = requests.map((request, index) => ({ request, index }));
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      texts[next.index] = await answer(next.request);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return texts;
}

async function answer(request: StreamRequest): Promise<string> {
  const response = await fetch(`${server.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(fieldsOf(request, TOKENS)),
  });
  const { output } = (await response.json()) as {
    readonly output: readonly { readonly content?: readonly { readonly text: string }[] }[];
  };
  return output.map(({ content }) => content?.[0]?.text ?? '').join('');
}

/** Well-behaved sockets while the others are not. */
async function canary(fuzz: Promise<unknown>): Promise<{ asked: number; right: number }> {
  let over = false;
  void fuzz.then(() => {
    over = true;
  });
  const few = requests.slice(0, 4);
  const expected = await Promise.all(few.map(answer));
  const counts = { asked: 0, right: 0 };
  while (!over) {
    const texts = await streamAll(`${server.url}/v1/responses`, few, TOKENS);
    counts.asked += few.length;
    counts.right += texts.filter((text, index) => text === expected[index]).length;
  }
  return counts;
}

/** What is not as it was before the first request; looked at until it is, for a while. */
async function leftOver(): Promise<readonly string[]> {
  let left: readonly string[] = [];
  for (let look = 0; look < 50; look++) {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const value = (name: string): number =>
      Number(new RegExp(`^${name}\\S* (\\S+)$`, 'm').exec(text)?.[1] ?? 'NaN');
    left = [
      'etap_ws_connections',
      'etap_ws_buffered_bytes',
      'etap_requests_running',
      'etap_requests_waiting',
      'etap_kv_cache_usage_ratio',
      'etap_engine_restarts_total',
    ].filter((name) => value(name) !== 0);
    if (left.length === 0) return left;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return left;
}
