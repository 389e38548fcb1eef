/**
 * A real Prometheus scrapes the served demo model under load; then every expression of every panel and
 * recording rule returns data, and so does every series that an alert reads. Alerts themselves are
 * empty while nothing is wrong; their tests show that they fire.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parse } from 'yaml';
import { renderDashboards } from '../../../dashboards/index.ts';
import { freePort } from '../../server.ts';
import type { Check } from '../check.ts';
import { Prometheus, type Sample } from '../prometheus.ts';
import { reasonToBeEmpty } from '../rightly-empty.ts';
import { loadFor, serveModel } from '../served-model.ts';

const LOAD_MS = 45_000;
const SETTLE_MS = 3000;
/** Few blocks, so that sequences wait and are preempted. */
const KV_MEMORY = '3MiB';

export const queriesCheck: Check = {
  name: 'queries',
  async run() {
    const server = await serveModel('--engine.kvMemoryBytes', KV_MEMORY);
    const prometheus = await Prometheus.start(...(await prometheusSetup(server.url)));
    try {
      // Later queries look at the end of the load: what is idle has no quantiles.
      const load = loadFor(server, LOAD_MS);
      await wait(LOAD_MS - SETTLE_MS);
      const report = await askAll(prometheus);
      const requests = await load;
      return {
        figures: [`${requests} requests in ${LOAD_MS / 1000} s`, ...report.figures],
        failures: report.failures,
      };
    } finally {
      await prometheus.stop();
      await server.stop();
    }
  },
};

/** A copy of the configuration that scrapes each second; its rules are those that are shipped. */
async function prometheusSetup(url: string): Promise<[string, string, number]> {
  const folder = mkdtempSync(join(tmpdir(), 'verify-ops-'));
  const config = parse(readFileSync('config/prometheus/prometheus.yml', 'utf8'));
  config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
  config.rule_files = [resolve('config/prometheus/rules/*.yml')];
  config.scrape_configs[0].scrape_timeout = '1s';
  config.scrape_configs[0].static_configs[0].targets = [new URL(url).host];
  const file = join(folder, 'prometheus.yml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  return [file, join(folder, 'data'), await freePort()];
}

async function askAll(prometheus: Prometheus) {
  const failures: string[] = [];
  const figures: string[] = [];
  const ask = async (what: string, expressions: readonly string[]): Promise<void> => {
    const empty = new Map<string, number>();
    let withData = 0;
    for (const expr of expressions) {
      const samples = await prometheus.query(expr);
      const reason = reasonToBeEmpty(expr);
      if (samples.some(isNumber)) withData++;
      else if (reason !== null) empty.set(reason, (empty.get(reason) ?? 0) + 1);
      else failures.push(`no data for ${expr}`);
    }
    const reasons = [...empty].map(([why, count]) => `, ${count} rightly empty (${why})`);
    figures.push(`${what}: ${withData} of ${expressions.length} return data${reasons.join('')}`);
  };
  const panels = panelExpressions();
  await ask('expressions of panels', panels);
  const { recording, alerts } = rules();
  await ask('recording rules', recording);
  await ask('recorded series', rules().recorded);
  await ask('series that alerts read', [...new Set(alerts.flatMap(selectorsOf))]);
  const firing = await prometheus.query('ALERTS{alertstate="firing"}');
  figures.push(
    `alerts firing: ${firing.map(({ metric }) => metric.alertname).join(', ') || 'none'}`,
  );
  return { figures, failures };
}

/** With the variables as Grafana fills them in. */
const panelExpressions = (): string[] =>
  Object.values(renderDashboards()).flatMap((text) =>
    (JSON.parse(text).panels as readonly Panel[]).flatMap(({ targets = [] }) =>
      targets.map(({ expr }) =>
        expr
          .replaceAll('$__rate_interval', '30s')
          .replaceAll('$model', '.*')
          .replaceAll('$instance', '.*'),
      ),
    ),
  );

type Panel = { readonly targets?: readonly { readonly expr: string }[] };
type Rule = { readonly record?: string; readonly alert?: string; readonly expr: string };

function rules() {
  const all = ['recording', 'alerts'].flatMap((name): Rule[] =>
    parse(readFileSync(`config/prometheus/rules/${name}.yml`, 'utf8')).groups.flatMap(
      (group: { readonly rules: readonly Rule[] }) => group.rules,
    ),
  );
  return {
    recording: all.filter(({ record }) => record !== undefined).map(({ expr }) => expr),
    recorded: all.flatMap(({ record }) => record ?? []),
    alerts: all.filter(({ alert }) => alert !== undefined).map(({ expr }) => expr),
  };
}

/** Names with their label filters, without windows and comparisons. */
const selectorsOf = (expr: string): string[] =>
  expr.match(/\b(?:model_instance:\w+:\w+|etap_\w+|up|DCGM_\w+)\b(?:\{[^}]*\})?/g) ?? [];

const isNumber = ({ value: [, text] }: Sample): boolean => !Number.isNaN(Number(text));
