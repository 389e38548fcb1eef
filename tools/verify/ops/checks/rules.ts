/** promtool finds nothing wrong with configuration, rules, their tests and our names. */
import { METRICS } from '../../../../src/metrics/index.ts';
import { busyMetrics } from '../busy-metrics.ts';
import type { Check } from '../check.ts';
import { prometheusTool } from '../prometheus.ts';
import { runCommand } from '../run-command.ts';

export const rulesCheck: Check = {
  name: 'rules',
  async run() {
    const promtool = await prometheusTool('promtool');
    const failures: string[] = [];
    const figures: string[] = [];
    const run = async (title: string, args: readonly string[], input?: string) => {
      const { code, output } = await runCommand(
        promtool,
        args,
        input === undefined ? {} : { input },
      );
      if (code === 0) figures.push(`promtool ${title}: no finding`);
      else failures.push(`promtool ${title}: exit code ${code}\n${output}`);
    };
    await run('check config', ['check', 'config', 'config/prometheus/prometheus.yml']);
    await run('test rules', ['test', 'rules', 'test/ops/alerts.yml', 'test/ops/recording.yml']);
    // The linter refuses colons, which only the aliases have.
    const own = await busyMetrics('--no-metrics.vllmAliases').render();
    const rows = Object.keys(METRICS).length;
    await run(`check metrics (${rows} rows of our own)`, ['check', 'metrics'], own);
    return { figures, failures };
  },
};
