/** What a row of the table of metrics says, and short ways to write one. */

export type MetricType = 'counter' | 'gauge' | 'histogram';

/** Another name of a metric, and new names for labels where they differ. */
export type Alias = { readonly name: string; readonly labels?: Readonly<Record<string, string>> };

export type MetricRow = {
  readonly type: MetricType;
  readonly unit: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Histograms only. */
  readonly buckets?: readonly number[];
  readonly aliases?: readonly Alias[];
};

type Options = Partial<Pick<MetricRow, 'labels' | 'aliases'>>;

export const gauge = (unit: string, help: string, options: Options = {}) =>
  ({ type: 'gauge', unit, help, labels: [], ...options }) as const;

export const counter = (unit: string, help: string, options: Options = {}) =>
  ({ type: 'counter', unit, help, labels: [], ...options }) as const;

export const histogram = (
  unit: string,
  buckets: readonly number[],
  help: string,
  options: Options = {},
) => ({ type: 'histogram', unit, buckets, help, labels: [], ...options }) as const;

export const alias = (...names: string[]): Options => ({
  aliases: names.map((name) => ({ name })),
});
