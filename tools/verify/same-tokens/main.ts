/**
 * `npm run verify:same-tokens [MODEL_DIR]`: the same requests give the same tokens and
 * log-probabilities, bit for bit, however they are batched, chunked, cached, preempted or threaded,
 * and after the engine process was killed. Prints one row a variant; exits 1 when one differs.
 */
import { mergeConfig, readCommandLine } from '../../../src/config/index.ts';
import { type SupervisedEngine, startEngine } from '../../../src/engine/index.ts';
import { mixedRequests } from './prompts.ts';
import {
  type Outcome,
  runAlone,
  runTogether,
  runUrgentLater,
  runWholePrompts,
  type Stream,
} from './streams.ts';

const SEED = 20_250_602;
const DEFAULT_MODEL = 'models/demo';
/** Little more than the longest request needs, so that others must yield. */
const SMALL_POOL_BLOCKS = 20;

const WHOLE_PROMPTS = 'chunks unlimited';
/** A step holds any prompt, and no step is too long for one. */
const NO_CHUNKS = [
  ...['--engine.stepTokenCapacity', '8192', '--engine.prefillChunkTokens', '8192'],
  ...['--engine.targetStepMs', '60000', '--engine.targetPrefillStepMs', '60000'],
];

type Variant = {
  readonly name: string;
  readonly flags: readonly string[];
  readonly run: (
    engine: SupervisedEngine,
    requests: ReturnType<typeof mixedRequests>,
  ) => Promise<Outcome>;
};

type Row = {
  readonly variant: string;
  readonly sequences: number;
  readonly tokens: number;
  readonly preemptions: number;
  readonly cachedTokens: number;
  /** Prompt tokens of the largest step. */
  readonly largestPrefill: number;
  readonly different: number;
};

async function withEngine<T>(
  model: string,
  flags: readonly string[],
  work: (engine: SupervisedEngine) => Promise<T>,
): Promise<T> {
  const commandLine = readCommandLine([model, ...flags]);
  const { config } = mergeConfig(commandLine.assignments);
  const engine = startEngine(config, (error) => {
    throw error;
  });
  try {
    await engine.ready();
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** Kills the engine process half way, waits for the new one, and runs everything on that. */
async function afterRestart(engine: SupervisedEngine, requests: ReturnType<typeof mixedRequests>) {
  const lost = runTogether(engine, requests);
  await new Promise<void>((resolve) => {
    engine.onStep(() => resolve());
  });
  process.kill(engine.pid ?? 0, 'SIGKILL');
  await lost;
  await engine.ready();
  return runTogether(engine, requests);
}

async function variants(model: string): Promise<Variant[]> {
  const kvBytesPerToken = await withEngine(model, [], async (engine) => {
    return (await engine.ready()).kvBytesPerToken;
  });
  const smallPool = String(SMALL_POOL_BLOCKS * 64 * kvBytesPerToken);
  const cacheOff = ['--engine.prefixCache', 'off'];
  const chunk = (tokens: number) => ['--engine.prefillChunkTokens', String(tokens)];
  const twice: Variant['run'] = async (engine, requests) => {
    await runTogether(engine, requests);
    return runTogether(engine, requests);
  };
  return [
    { name: 'all at once', flags: [], run: runTogether },
    { name: 'all at once, cache off', flags: cacheOff, run: runTogether },
    { name: 'all at once, cache warm', flags: [], run: twice },
    {
      name: 'small KV pool',
      flags: ['--engine.kvMemoryBytes', smallPool, '--model.maxModelLen', '1088'],
      run: runUrgentLater,
    },
    { name: 'chunks of 64', flags: chunk(64), run: runTogether },
    { name: 'chunks of 256', flags: chunk(256), run: runTogether },
    { name: WHOLE_PROMPTS, flags: [...NO_CHUNKS, ...cacheOff], run: runWholePrompts },
    { name: 'one thread', flags: ['--engine.threads', '1'], run: runTogether },
    { name: 'two threads', flags: ['--engine.threads', '2'], run: runTogether },
    { name: 'after a kill', flags: [], run: afterRestart },
  ];
}

function compare(name: string, outcome: Outcome, reference: readonly Stream[]): Row {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const { finishes, streams } = outcome;
  return {
    variant: name,
    sequences: streams.length,
    tokens: sum(finishes.map(({ completionTokenCount }) => completionTokenCount)),
    preemptions: sum(finishes.map(({ preemptionCount }) => preemptionCount)),
    cachedTokens: sum(finishes.map(({ cachedTokenCount }) => cachedTokenCount)),
    largestPrefill: Math.max(...outcome.prefillTokens),
    different: streams.filter((stream, index) => stream !== reference[index]).length,
  };
}

/** Every prompt in one chunk of its own. */
const isWhole = ({ prefillTokens }: Outcome, requests: ReturnType<typeof mixedRequests>) =>
  prefillTokens.join() === requests.map(({ promptTokens }) => promptTokens.length).join();

async function main(): Promise<number> {
  const [model = DEFAULT_MODEL, ...flags] = process.argv.slice(2);
  const cacheOff = [...flags, '--engine.prefixCache', 'off'];
  const { requests, alone } = await withEngine(model, cacheOff, async (engine) => {
    const { vocabSize } = await engine.ready();
    const mixed = mixedRequests(SEED, vocabSize);
    return { requests: mixed, alone: await runAlone(engine, mixed) };
  });
  const rows = [compare('alone', alone, alone.streams)];
  let whole = false;
  for (const variant of await variants(model)) {
    const outcome = await withEngine(model, [...flags, ...variant.flags], (engine) =>
      variant.run(engine, requests),
    );
    rows.push(compare(variant.name, outcome, alone.streams));
    if (variant.name === WHOLE_PROMPTS) whole = isWhole(outcome, requests);
  }
  console.table(rows);
  return verdict(rows, whole);
}

/** A variant that did not do what it is for proves nothing, so that fails too. */
function verdict(rows: readonly Row[], whole: boolean): number {
  const preempted = rows.some((row) => row.variant === 'small KV pool' && row.preemptions > 0);
  const cached = rows.some((row) => row.variant.endsWith('warm') && row.cachedTokens > 0);
  const different = rows.filter((row) => row.different > 0);
  if (!preempted) console.log('FAILED: the small KV pool preempted nothing');
  if (!whole) console.log(`FAILED: "${WHOLE_PROMPTS}" cut a prompt`);
  if (!cached) console.log('FAILED: the warm prefix cache was never hit');
  for (const row of different)
    console.log(`FAILED: ${row.variant}: ${row.different} sequences differ`);
  const ok = preempted && cached && whole && different.length === 0;
  if (ok) console.log(`same tokens, bit for bit, in all ${rows.length} variants (seed ${SEED})`);
  return ok ? 0 : 1;
}

process.exitCode = await main();
