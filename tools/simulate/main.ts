/**
 * Deterministic simulation: `npm run simulate -- --seeds N [--start S] [--jobs J]` runs N scenarios in J
 * processes, each of which stops at the first that fails; `--seed X` replays one, cuts it down and prints it step by step;
 * `--mutants` plants known bugs and says which of them N seeds find.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findMutants } from './mutation.ts';
import { type Outcome, runScenario } from './run.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { shrink } from './shrink.ts';

/** Every so many seeds one is run twice: equal runs must say the same. */
const REPEAT_EVERY = 20;
const SELF = fileURLToPath(import.meta.url);

const NO_TOTALS = {
  steps: 0,
  prefill: 0,
  decode: 0,
  hits: 0,
  preemptions: 0,
  recomputed: 0,
  nan: 0,
};
type Totals = typeof NO_TOTALS;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    start: { type: 'string', default: '1' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    job: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.seed !== undefined) return replay(Number(values.seed));
  if (values.mutants) return hunt(Number(values.seeds));
  const [start, seeds] = [Number(values.start), Number(values.seeds)];
  return values.job ? job(start, seeds) : simulate(start, seeds, Number(values.jobs));
}

function hunt(seeds: number): number {
  const findings = findMutants(fileURLToPath(new URL('../..', import.meta.url)), seeds);
  for (const { mutant, found } of findings) console.log(`${found ?? 'NOT FOUND'} <- ${mutant}`);
  return findings.every(({ found }) => found !== null) ? 0 : 1;
}

/** Shares the seeds out to processes of this program and adds up what they counted. */
async function simulate(start: number, count: number, jobs: number): Promise<number> {
  const startedMs = Date.now();
  const share = Math.ceil(count / jobs);
  const results = await Promise.all(
    Array.from({ length: jobs }, (_, job) => {
      const first = start + job * share;
      return runJob(first, Math.min(share, start + count - first));
    }),
  );
  if (results.includes(null)) return 1;
  const totals = results.reduce<Totals>(add, NO_TOTALS);
  const seconds = (Date.now() - startedMs) / 1000;
  console.log(
    `${count} seeds without a failure in ${seconds.toFixed(1)} s: ${totals.steps} steps, ` +
      `${totals.prefill} prefill and ${totals.decode} decode tokens, ${totals.hits} cached, ` +
      `${totals.preemptions} preemptions, ${totals.recomputed} recomputed, ${totals.nan} NaN rows`,
  );
  return 0;
}

/** Null where a seed failed. */
function runJob(start: number, count: number): Promise<Totals | null> {
  const child = fork(SELF, ['--job', '--start', String(start), '--seeds', String(count)]);
  return new Promise((resolve) => {
    let totals: Totals | null = null;
    child.on('message', (message) => {
      totals = message as Totals;
    });
    child.on('exit', () => resolve(totals));
  });
}

/** Runs the seeds one by one and tells the parent what was counted, if none fails. */
async function job(start: number, count: number): Promise<number> {
  let totals = NO_TOTALS;
  for (let seed = start; seed < start + count; seed++) {
    const { failure, stats } = await runOnce(seed);
    if (failure !== null) {
      console.error(`seed ${seed} fails: ${failure}`);
      console.error(`replay: npm run simulate -- --seed ${seed}`);
      return 1;
    }
    totals = add(totals, {
      steps: stats?.stepCount ?? 0,
      prefill: stats?.prefillTokens ?? 0,
      decode: stats?.decodeTokens ?? 0,
      hits: stats?.prefixHitTokens ?? 0,
      preemptions: stats?.preemptionCount ?? 0,
      recomputed: stats?.recomputedTokens ?? 0,
      nan: stats?.nanRowCount ?? 0,
    });
  }
  process.send?.(totals);
  return 0;
}

function add(a: Totals, b: Totals | null): Totals {
  const names = Object.keys(a) as (keyof Totals)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + (b?.[name] ?? 0)])) as Totals;
}

async function runOnce(seed: number): Promise<Outcome> {
  const scenario = scenarioOf(seed);
  const outcome = await runScenario(scenario);
  if (outcome.failure !== null || seed % REPEAT_EVERY !== 0) return outcome;
  const again = await runScenario(scenario);
  if (again.digest === outcome.digest) return outcome;
  return { ...outcome, failure: 'A second run of the same seed said something else.' };
}

async function replay(seed: number): Promise<number> {
  const { failure } = await runOnce(seed);
  if (failure === null) {
    console.log(`seed ${seed} does not fail`);
    return 0;
  }
  const smallest = await shrink(scenarioOf(seed));
  printScenario(smallest);
  const again = await runScenario(smallest, (line) => console.log(line));
  console.error(`seed ${seed} fails: ${failure}`);
  console.error(`cut down to ${smallest.events.length} events: ${again.failure}`);
  return 1;
}

function printScenario({ scheduler, costMicros, faults }: Scenario): void {
  console.log(`scheduler ${JSON.stringify(scheduler)}`);
  console.log(`step cost in microseconds ${JSON.stringify(costMicros)}`);
  console.log(`faults ${JSON.stringify(faults)}`);
}
