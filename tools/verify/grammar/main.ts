/**
 * `npm run verify:grammar [MODEL_DIR]`: what the served model writes under each schema of the corpus is
 * valid; many unlike schemas leave no memory behind; and constrained streams cost little. Exits 1
 * otherwise.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { SCHEMA_CORPUS } from '../../../test/support/grammar/schema-corpus.ts';
import { type RunningServer, startServer } from '../server.ts';

const DEFAULT_MODEL = 'models/demo';
const STREAMS = 32;
const ROUNDS = 5;
const ROUND_TOKENS = 64;
/** Least share of the free throughput that constrained streams keep. */
const THROUGHPUT_MIN = 0.95;
const UNLIKE_SCHEMAS = 10_000;
const ANSWER_TOKENS = 160;
/** Memory may still grow so much after the first fifth of the schemas. */
const GROWTH_MEGABYTES_MAX = 64;

type Answer = {
  readonly choices: readonly { readonly text: string; readonly finish_reason: string }[];
  readonly usage: { readonly completion_tokens: number };
};

async function complete(server: RunningServer, body: object): Promise<Answer> {
  const response = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'Tell me all of it as JSON: ', ...body }),
  });
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** Does something for each number below `count`, `STREAMS` at a time. */
async function forEach(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: STREAMS }, lane));
}

/** Answers that ended by themselves are valid; those cut by `max_tokens` are not finished. */
async function checkCorpus(server: RunningServer): Promise<boolean> {
  const ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  const checks = SCHEMA_CORPUS.map(({ schema }) => ajv.compile(schema as object));
  let ended = 0;
  let cut = 0;
  let wrong = 0;
  await forEach(SCHEMA_CORPUS.length * 2, async (index) => {
    const at = index >> 1;
    const { choices } = await complete(server, {
      json_schema: SCHEMA_CORPUS[at]?.schema,
      max_tokens: ANSWER_TOKENS,
      temperature: index & 1,
      seed: index,
    });
    for (const { text, finish_reason: reason } of choices) {
      if (reason === 'length') cut++;
      else if (checks[at]?.(JSON.parse(text)) === true) ended++;
      else wrong++;
    }
  });
  console.log(
    `schemas     ${SCHEMA_CORPUS.length}: ${ended} answers valid, ${wrong} not, ${cut} cut by max_tokens`,
  );
  return wrong === 0 && ended > 0;
}

/** Resident megabytes of the server and of its engine process. */
function residentMegabytes({ pid, enginePid }: RunningServer): number {
  const kilobytes = [pid, enginePid].map((one) => {
    const status = readFileSync(`/proc/${one}/status`, 'utf8');
    return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]);
  });
  return Math.round(kilobytes.reduce((sum, one) => sum + one, 0) / 1024);
}

async function checkMemory(server: RunningServer): Promise<boolean> {
  const ask = async (index: number) => {
    const properties = { [`name_${index}`]: { type: 'string', maxLength: 20 + (index % 50) } };
    const schema = { type: 'object', properties, required: Object.keys(properties) };
    await complete(server, { json_schema: schema, max_tokens: 2 });
  };
  const first = UNLIKE_SCHEMAS / 5;
  await forEach(first, ask);
  const early = residentMegabytes(server);
  await forEach(UNLIKE_SCHEMAS - first, (index) => ask(first + index));
  const late = residentMegabytes(server);
  console.log(
    `memory      ${UNLIKE_SCHEMAS} unlike schemas: ${early} MiB after ${first}, ${late} MiB at the end`,
  );
  return late - early <= GROWTH_MEGABYTES_MAX;
}

/** Tokens a second of one round of streams. */
async function throughput(server: RunningServer, form: object): Promise<number> {
  const startedMs = performance.now();
  let tokens = 0;
  await forEach(STREAMS, async (seed) => {
    const body = { max_tokens: ROUND_TOKENS, ignore_eos: true, temperature: 1, seed, ...form };
    tokens += (await complete(server, body)).usage.completion_tokens;
  });
  return (tokens / (performance.now() - startedMs)) * 1000;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** A long list of records, so that no stream ends before the others. */
const RECORDS = {
  json_schema: {
    type: 'array',
    minItems: 200,
    items: {
      type: 'object',
      properties: {
        name: { type: 'string' },
        count: { type: 'integer' },
        tags: { type: 'array', items: { type: 'string' } },
      },
      required: ['name', 'count', 'tags'],
    },
  },
};

async function checkCost(server: RunningServer): Promise<boolean> {
  const rates = { free: [] as number[], constrained: [] as number[] };
  await throughput(server, RECORDS);
  for (let round = 0; round < ROUNDS; round++) {
    rates.free.push(await throughput(server, {}));
    rates.constrained.push(await throughput(server, RECORDS));
  }
  const ratio = median(rates.constrained) / median(rates.free);
  console.log(
    `throughput  ${STREAMS} streams: ${median(rates.constrained).toFixed(0)} tokens/s constrained, ` +
      `${median(rates.free).toFixed(0)} free: ${(ratio * 100).toFixed(1)} % (at least 95 %)`,
  );
  return ratio >= THROUGHPUT_MIN;
}

const only = process.argv[3];
const server = await startServer([
  process.argv[2] ?? DEFAULT_MODEL,
  '--engine.maxSequences',
  String(STREAMS),
]);
try {
  const checks = { cost: checkCost, schemas: checkCorpus, memory: checkMemory };
  for (const [name, check] of Object.entries(checks)) {
    if (only !== undefined && only !== name) continue;
    if (!(await check(server))) process.exitCode = 1;
  }
} finally {
  await server.stop();
}
