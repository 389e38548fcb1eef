/** The scheduler under simulation; the gate and `npm run simulate` run many more seeds. */
import { describe, expect, it } from 'vitest';
import { runScenario } from '../../tools/simulate/run.ts';
import { scenarioOf } from '../../tools/simulate/scenario.ts';

const SEEDS = 100;

describe('simulation', () => {
  it('says the same in equal runs', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const [first, second] = [
        await runScenario(scenarioOf(seed)),
        await runScenario(scenarioOf(seed)),
      ];
      expect(second).toEqual({
        ...first,
        stats: first.stats && { ...first.stats, scheduleMs: second.stats?.scheduleMs },
      });
    }
  });

  it(`breaks no rule in ${SEEDS} seeds, and comes upon everything it is for`, async () => {
    const totals = { preemptions: 0, recomputed: 0, hits: 0, nan: 0, failed: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const scenario = scenarioOf(seed);
      const { failure, stats } = await runScenario(scenario);
      expect(failure, `npm run simulate -- --seed ${seed}`).toBeNull();
      totals.preemptions += stats?.preemptionCount ?? 0;
      totals.recomputed += stats?.recomputedTokens ?? 0;
      totals.hits += stats?.prefixHitTokens ?? 0;
      totals.nan += stats?.nanRowCount ?? 0;
      totals.failed += scenario.faults.filter(({ fault }) => fault.kind === 'fail').length;
    }
    for (const count of Object.values(totals)) expect(count).toBeGreaterThan(0);
  });
});
