/** PromQL of the dashboards: every query is over the chosen models and instances. */
import type { METRICS } from '../../src/metrics/index.ts';

type MetricName = keyof typeof METRICS;

const CHOSEN = 'model_name=~"$model", instance=~"$instance"';
/** At least four scrapes long, whatever the zoom. */
const WINDOW = '[$__rate_interval]';

/** One query of a panel; the legend may hold `{{label}}`. */
export type Query = { readonly expr: string; readonly legend: string };

export const query = (legend: string, expr: string): Query => ({ expr, legend });

/** The chosen series of a metric; `suffix` is that of a histogram. */
export function series(name: MetricName, filter = '', suffix: Suffix = ''): string {
  return `${name}${suffix}{${[CHOSEN, filter].filter((part) => part !== '').join(', ')}}`;
}

type Suffix = '' | '_bucket' | '_sum' | '_count';

/** Per second, summed over instances and all labels but those in `by`. */
export const rate = (name: MetricName, options: RateOptions = {}): string =>
  `sum${byLabels(options.by)}(rate(${series(name, options.filter, options.suffix)}${WINDOW}))`;

type RateOptions = {
  readonly filter?: string;
  readonly by?: readonly string[];
  readonly suffix?: Suffix;
};

/** Events within the window of each point, for counters that are nearly always still. */
export const increase = (name: MetricName, { filter, by }: RateOptions = {}): string =>
  `sum${byLabels(by)}(increase(${series(name, filter)}${WINDOW}))`;

/** Summed over instances. */
export const sum = (name: MetricName, { filter, by }: RateOptions = {}): string =>
  `sum${byLabels(by)}(${series(name, filter)})`;

export const max = (name: MetricName, { filter, by }: RateOptions = {}): string =>
  `max${byLabels(by)}(${series(name, filter)})`;

export const quantile = (share: number, name: MetricName, options: RateOptions = {}): string => {
  const by = ['le', ...(options.by ?? [])];
  return `histogram_quantile(${share}, ${rate(name, { ...options, by, suffix: '_bucket' })})`;
};

/** Mean of a histogram's observations. */
export const mean = (name: MetricName, options: RateOptions = {}): string =>
  `${rate(name, { ...options, suffix: '_sum' })} / ${rate(name, { ...options, suffix: '_count' })}`;

/** Three quantiles of a histogram, as most latencies are shown. */
export const quantiles = (name: MetricName): Query[] =>
  [0.5, 0.9, 0.99].map((share) => query(`p${share * 100}`, quantile(share, name)));

/** The buckets of a histogram, for a heatmap. */
export const buckets = (name: MetricName): Query[] => [
  query('{{le}}', rate(name, { by: ['le'], suffix: '_bucket' })),
];

const byLabels = (labels: readonly string[] = []): string =>
  labels.length === 0 ? '' : ` by (${labels.join(', ')}) `;
