/** docs/metrics.md, made from the table of metrics. */
import { COMMON_LABEL, METRICS, type MetricRow } from '../../src/metrics/index.ts';

export function renderMetricsDocument(): string {
  const rows = Object.entries<MetricRow>(METRICS);
  return [
    '# Metrics',
    '',
    'Made from the table in `src/metrics/metric-table.ts` by `npm run docs`.',
    '',
    '`GET /metrics` answers in the Prometheus text format. Every series has the label',
    `\`${COMMON_LABEL}\`. With \`metrics.vllmAliases\` (the default) the names in the last column are`,
    'published too, with the same values and the further label `engine="0"`: routers and dashboards',
    'made for vLLM read those. `metrics.auth` says whether a key is needed; rendered text is reused',
    'for `metrics.cacheMs`. Process and Node.js metrics of prom-client come on top, without those of its',
    'event loop, heap spaces and handles. No label holds a user, a key, a request or a prompt; a `tenant`',
    'is a name that the operator gave or one made from the digest of a key, and at most',
    '`metrics.tenantsMax` are told apart. Dashboards and alerts made of these series are described in',
    '`docs/operations.md`.',
    '',
    '| name | type | unit | labels | meaning | alias |',
    '|---|---|---|---|---|---|',
    ...rows.map(tableLine),
    '',
    '## Buckets',
    '',
    '| histogram | borders |',
    '|---|---|',
    ...rows.flatMap(([name, { buckets }]) =>
      buckets === undefined ? [] : [`| \`${name}\` | ${buckets.join(' ')} |`],
    ),
    '',
  ].join('\n');
}

function tableLine([name, { type, unit, labels, help, aliases = [] }]: [
  string,
  MetricRow,
]): string {
  const cells = [
    code([name]),
    type,
    unit,
    code(labels),
    help,
    code(aliases.map((alias) => alias.name)),
  ];
  return `| ${cells.join(' | ')} |`;
}

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(' ');
