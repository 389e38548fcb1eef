/**
 * `npm run verify:streams [MODEL_DIR]`: 128 streams at a time of the official openai client over the
 * native engine. First all are read to their end; then every second client vanishes at a random
 * moment. Prints what was counted; exits 1 when a stream does not end once, a token is lost, a KV
 * block stays in use, or a vanished client costs more than two further steps.
 */
import { setTimeout as wait } from 'node:timers/promises';
import OpenAI from 'openai';
import { type RunningServer, startServer } from '../server.ts';

const DEFAULT_MODEL = 'models/demo';
const STREAMS = 128;
const TOKENS = 32;
const SEED = 20_250_605;
const EXTRA_STEPS_MAX = 2;
const WAIT_MS_MAX = 1000;
const IDLE_POLL_MS = 20;
const IDLE_TIMEOUT_MS = 60_000;

type Read = { readonly text: string; readonly promptTokens: number };
type Counts = {
  readonly computed: number;
  readonly told: number;
  readonly sequences: number;
  readonly promptTokens: number;
};

const indices = Array.from({ length: STREAMS }, (_, index) => index);

/** Small deterministic generator (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the answer says and thinks; how it is cut into chunks is a matter of time. */
function textOf(delta: (object & { readonly content?: string | null }) | undefined): string {
  const { reasoning_content: thinking } = (delta ?? {}) as { readonly reasoning_content?: string };
  return `${thinking ?? ''}${delta?.content ?? ''}`;
}

class Check {
  readonly #failures: string[] = [];

  that(ok: boolean, failure: string): void {
    if (!ok) this.#failures.push(failure);
  }

  report(): number {
    for (const failure of this.#failures) console.log(`FAILED: ${failure}`);
    return this.#failures.length === 0 ? 0 : 1;
  }
}

class Clients {
  readonly #client: OpenAI;
  readonly #model: string;
  readonly #check: Check;

  constructor(url: string, model: string, check: Check) {
    this.#client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 });
    this.#model = model;
    this.#check = check;
  }

  #open(index: number, signal?: AbortSignal) {
    return this.#client.chat.completions.create(
      {
        model: this.#model,
        messages: [{ role: 'user', content: `What is ${index} + ${3 * index + 1}?` }],
        max_tokens: TOKENS,
        seed: index,
        stream: true,
        stream_options: { include_usage: true },
        // Fields that the client's types do not know.
        ...{ ignore_eos: true },
      },
      { ...(signal !== undefined && { signal }) },
    );
  }

  async readAll(index: number): Promise<Read> {
    const finishes: string[] = [];
    let usage: OpenAI.CompletionUsage | null = null;
    let text = '';
    for await (const chunk of await this.#open(index)) {
      text += textOf(chunk.choices[0]?.delta);
      if (chunk.choices[0]?.finish_reason) finishes.push(chunk.choices[0].finish_reason);
      usage = chunk.usage ?? usage;
    }
    const { prompt_tokens = 0, completion_tokens = 0, total_tokens = 0 } = usage ?? {};
    const where = `stream ${index}`;
    this.#check.that(finishes.join() === 'length', `${where} finished as [${finishes.join()}]`);
    this.#check.that(completion_tokens === TOKENS, `${where} has ${completion_tokens} tokens`);
    this.#check.that(total_tokens === prompt_tokens + TOKENS, `${where}: usage does not add up`);
    return { text, promptTokens: prompt_tokens };
  }

  /** Leaves after so many chunks; 0: after so many milliseconds, likely while it waits. */
  async vanish(index: number, chunks: number, waitMs: number): Promise<boolean> {
    const aborter = new AbortController();
    const timer = chunks === 0 ? setTimeout(() => aborter.abort(), waitMs) : undefined;
    let seen = 0;
    try {
      for await (const _chunk of await this.#open(index, aborter.signal)) {
        if (++seen < chunks || chunks === 0) continue;
        aborter.abort();
        // Who has left reads no further: what is asked of an aborted body may never be answered.
        break;
      }
    } catch (error) {
      if (!aborter.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
    return aborter.signal.aborted;
  }
}

async function countsOf(server: RunningServer): Promise<Counts> {
  const metrics = await server.metrics();
  const of = (name: string) =>
    [...metrics].reduce((sum, [key, value]) => sum + (key.startsWith(name) ? value : 0), 0);
  return {
    computed: of('etap_batch_size_sum'),
    told: of('etap_request_generation_tokens_sum'),
    sequences: of('etap_request_generation_tokens_count'),
    promptTokens: of('etap_request_prompt_tokens_sum'),
  };
}

/** Waits until nothing runs; then every block must be free or kept for the prefix cache alone. */
async function checkIdle(server: RunningServer, check: Check, when: string): Promise<void> {
  const busy = async () => {
    const metrics = await server.metrics();
    const of = (name: string) =>
      [...metrics].find(([key]) => key.startsWith(name))?.[1] ?? Number.NaN;
    const blocks = [...metrics].filter(([key]) => /^etap_kv_blocks\{.*"used"/.test(key));
    const used = blocks.reduce((sum, [, value]) => sum + value, 0);
    const open = of('etap_requests_running') + of('etap_requests_waiting') + of('etap_sse_streams');
    return { used, open };
  };
  let state = await busy();
  for (const end = Date.now() + IDLE_TIMEOUT_MS; state.open + state.used > 0; ) {
    if (Date.now() > end) break;
    await wait(IDLE_POLL_MS);
    state = await busy();
  }
  check.that(state.open === 0, `${when}: ${state.open} requests are still open`);
  check.that(state.used === 0, `${when}: ${state.used} KV blocks are still in use`);
}

async function main(): Promise<number> {
  const [modelDir = DEFAULT_MODEL, ...flags] = process.argv.slice(2);
  const server = await startServer([modelDir, '--served-name', 'model', ...flags]);
  try {
    return await run(server);
  } finally {
    await server.stop();
  }
}

async function run(server: RunningServer): Promise<number> {
  const check = new Check();
  const clients = new Clients(server.url, 'model', check);
  const random = randomFrom(SEED);

  const startedMs = performance.now();
  const all = await Promise.all(indices.map((index) => clients.readAll(index)));
  const elapsedMs = performance.now() - startedMs;
  await checkIdle(server, check, 'after all streams');
  const first = await countsOf(server);
  const promptTokens = all.reduce((sum, { promptTokens: tokens }) => sum + tokens, 0);
  check.that(first.told === STREAMS * TOKENS, `the server counted ${first.told} tokens`);
  check.that(first.promptTokens === promptTokens, `and ${first.promptTokens} prompt tokens`);

  const outcomes = await Promise.all(
    indices.map(async (index) => {
      if (index % 2 === 1) {
        return clients.vanish(index, Math.floor(random() * TOKENS), random() * WAIT_MS_MAX);
      }
      const { text } = await clients.readAll(index);
      check.that(text === all[index]?.text, `stream ${index} differs from the first time`);
      return false;
    }),
  );
  await checkIdle(server, check, 'after half of the clients vanished');
  const vanished = outcomes.filter((gone) => gone).length;
  const last = await countsOf(server);
  // The first token comes with the prompt; every further one is a row of a decode step.
  const needed = last.told - first.told - (last.sequences - first.sequences);
  const extra = last.computed - first.computed - needed;
  check.that(extra <= EXTRA_STEPS_MAX * vanished, `${extra} extra steps, ${vanished} vanished`);

  const failed = check.report();
  console.log(
    `${STREAMS} streams of ${TOKENS} tokens in ${(elapsedMs / 1000).toFixed(1)} s, each ended once, ` +
      `${promptTokens} + ${first.told} tokens as told; then ${vanished} vanished (seed ${SEED}): ` +
      `${extra} extra steps, ${(extra / Math.max(1, vanished)).toFixed(2)} each (bound ` +
      `${EXTRA_STEPS_MAX}); 0 KV blocks in use after either${failed === 0 ? '' : ': NOT SHOWN'}`,
  );
  return failed;
}

process.exitCode = await main();
