/**
 * The series of one metric in the Prometheus text format, under its own name and its aliases. Several
 * times faster than prom-client's own rendering, because the text of a label set is made once: label
 * sets live as long as their series, and prom-client hands out the same object each time.
 */
import type { Metric } from 'prom-client';
import type { Alias } from './metric-row.ts';

/** One value as prom-client's `get` gives it; histograms share the labels of their buckets. */
export type SeriesValue = {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
  readonly sharedLabels?: Labels;
};

type Labels = Readonly<Partial<Record<string, string | number>>>;

/** A name, and what its series have beside the metric's own labels. */
type Naming = {
  readonly name: string;
  readonly extraLabels: string;
  readonly renamedLabels: Readonly<Record<string, string>>;
};

export class SeriesText {
  readonly #metric: Metric;
  readonly #ownName: string;
  readonly #help: string;
  readonly #type: string;
  readonly #namings: readonly Naming[];
  /** For each naming, the text of the label sets seen so far. */
  readonly #texts: readonly WeakMap<Labels, string>[];

  /** @param commonLabels rendered, such as `model_name="x"` */
  constructor(
    metric: Metric,
    options: {
      readonly name: string;
      readonly help: string;
      readonly type: string;
      readonly commonLabels: string;
      readonly aliases: readonly Alias[];
    },
  ) {
    const { name, help, type, commonLabels, aliases } = options;
    this.#metric = metric;
    this.#ownName = name;
    this.#help = escapeHelp(help);
    this.#type = type;
    this.#namings = [
      { name, extraLabels: commonLabels, renamedLabels: {} },
      ...aliases.map((alias) => ({
        name: alias.name,
        extraLabels: `engine="0",${commonLabels}`,
        renamedLabels: alias.labels ?? {},
      })),
    ];
    this.#texts = this.#namings.map(() => new WeakMap());
  }

  /** Text that ends with a newline, own name first. */
  async render(): Promise<string> {
    const { values } = await readValues(this.#metric);
    return this.#namings.map((naming, index) => this.#renderAs(naming, index, values)).join('');
  }

  #renderAs(naming: Naming, index: number, values: readonly SeriesValue[]): string {
    const { name } = naming;
    const ownLength = this.#ownName.length;
    let text = `# HELP ${name} ${this.#help}\n# TYPE ${name} ${this.#type}\n`;
    let labelsBefore: Labels | null = null;
    let labelText = '';
    for (const { value, labels, metricName, sharedLabels } of values) {
      const own = sharedLabels ?? labels;
      // The buckets of one label set follow each other.
      if (own !== labelsBefore) labelText = this.#labelText(naming, own, index);
      labelsBefore = own;
      const suffix = metricName === undefined ? '' : metricName.slice(ownLength);
      const border = sharedLabels !== undefined && 'le' in labels ? `le="${labels.le}",` : '';
      text += `${name}${suffix}{${border}${labelText}} ${value}\n`;
    }
    return text;
  }

  #labelText({ extraLabels, renamedLabels }: Naming, labels: Labels, index: number): string {
    const known = this.#texts[index]?.get(labels);
    if (known !== undefined) return known;
    const own = Object.entries(labels).map(
      ([label, value]) => `${renamedLabels[label] ?? label}="${escapeValue(String(value))}"`,
    );
    const text = [...own, extraLabels].join(',');
    this.#texts[index]?.set(labels, text);
    return text;
  }
}

/**
 * As prom-client's own registry reads a histogram: `get`, which is typed, copies the labels for every
 * bucket.
 */
async function readValues(metric: Metric): Promise<{ readonly values: readonly SeriesValue[] }> {
  const source = metric as Readable;
  return source.getForPromString?.() ?? source.get();
}

type Readable = {
  get(): Promise<{ readonly values: readonly SeriesValue[] }>;
  getForPromString?(): Promise<{ readonly values: readonly SeriesValue[] }>;
};

export const escapeValue = (text: string): string =>
  text.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`));

const escapeHelp = (text: string): string =>
  text.replace(/[\\\n]/g, (found) => (found === '\n' ? '\\n' : '\\\\'));
