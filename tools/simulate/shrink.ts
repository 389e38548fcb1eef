/** Cuts a failing scenario down: fewer events, fewer faults, as long as it fails. */
import { runScenario } from './run.ts';
import type { Scenario } from './scenario.ts';

const RUNS_MAX = 400;

/** The smallest failing scenario found within a limited number of runs. */
export async function shrink(scenario: Scenario): Promise<Scenario> {
  let smallest = scenario;
  let runs = 0;
  const fails = async (candidate: Scenario): Promise<boolean> => {
    runs++;
    return (await runScenario(candidate)).failure !== null;
  };
  for (let size = Math.ceil(scenario.events.length / 2); size >= 1; ) {
    let cut = false;
    for (let at = 0; at < smallest.events.length && runs < RUNS_MAX; ) {
      const events = smallest.events.filter((_, i) => i < at || i >= at + size);
      const candidate = { ...smallest, events };
      if (await fails(candidate)) {
        smallest = candidate;
        cut = true;
      } else {
        at += size;
      }
    }
    if (!cut || size > 1) size = Math.floor(size / 2);
    if (runs >= RUNS_MAX) break;
  }
  for (const fault of scenario.faults) {
    const candidate = { ...smallest, faults: smallest.faults.filter((one) => one !== fault) };
    if (runs < RUNS_MAX && (await fails(candidate))) smallest = candidate;
  }
  return smallest;
}
