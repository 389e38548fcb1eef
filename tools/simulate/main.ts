/**
 * Deterministic simulation: `npm run simulate -- --seeds N [--start S]` runs N scenarios and stops
 * at the first that fails; `--seed X` replays one, cuts it down and prints it step by step;
 * `--mutants` plants known bugs and says which of them N seeds find.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findMutants } from './mutation.ts';
import { type Outcome, runScenario } from './run.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { shrink } from './shrink.ts';

/** Every so many seeds one is run twice: equal runs must say the same. */
const REPEAT_EVERY = 20;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    start: { type: 'string', default: '1' },
    seed: { type: 'string' },
    mutants: { type: 'boolean', default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.seed !== undefined) return replay(Number(values.seed));
  if (values.mutants) return hunt(Number(values.seeds));
  return simulate(Number(values.start), Number(values.seeds));
}

function hunt(seeds: number): number {
  const findings = findMutants(fileURLToPath(new URL('../..', import.meta.url)), seeds);
  for (const { mutant, found } of findings) console.log(`${found ?? 'NOT FOUND'} <- ${mutant}`);
  return findings.every(({ found }) => found !== null) ? 0 : 1;
}

async function simulate(start: number, count: number): Promise<number> {
  const startedMs = Date.now();
  const totals = {
    steps: 0,
    prefill: 0,
    decode: 0,
    hits: 0,
    preemptions: 0,
    recomputed: 0,
    nan: 0,
  };
  for (let seed = start; seed < start + count; seed++) {
    const outcome = await runOnce(seed);
    if (outcome.failure !== null) {
      console.error(`seed ${seed} fails: ${outcome.failure}`);
      console.error(`replay: npm run simulate -- --seed ${seed}`);
      return 1;
    }
    totals.steps += outcome.stats?.stepCount ?? 0;
    totals.prefill += outcome.stats?.prefillTokens ?? 0;
    totals.decode += outcome.stats?.decodeTokens ?? 0;
    totals.hits += outcome.stats?.prefixHitTokens ?? 0;
    totals.preemptions += outcome.stats?.preemptionCount ?? 0;
    totals.recomputed += outcome.stats?.recomputedTokens ?? 0;
    totals.nan += outcome.stats?.nanRowCount ?? 0;
  }
  const seconds = (Date.now() - startedMs) / 1000;
  console.log(
    `${count} seeds without a failure in ${seconds.toFixed(1)} s: ${totals.steps} steps, ` +
      `${totals.prefill} prefill and ${totals.decode} decode tokens, ${totals.hits} cached, ` +
      `${totals.preemptions} preemptions, ${totals.recomputed} recomputed, ${totals.nan} NaN rows`,
  );
  return 0;
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
