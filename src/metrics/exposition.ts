/** The text of GET /metrics: own series, then each alias as a renamed copy; kept for a moment. */
import type { Registry } from 'prom-client';
import type { Alias, MetricRow } from './metric-row.ts';
import { METRICS } from './metric-table.ts';

export type ExpositionOptions = {
  readonly registry: Registry;
  readonly vllmAliases: boolean;
  /** Scrapes this close together get the same text: some routers scrape every 50 ms. */
  readonly cacheMs: number;
  /** Milliseconds that only grow. */
  readonly now: () => number;
};

export class Exposition {
  readonly contentType: string;
  readonly #options: ExpositionOptions;
  #text: Promise<string> | null = null;
  #renderedMs = 0;

  constructor(options: ExpositionOptions) {
    this.#options = options;
    this.contentType = options.registry.contentType;
  }

  render(): Promise<string> {
    const nowMs = this.#options.now();
    if (this.#text === null || nowMs - this.#renderedMs >= this.#options.cacheMs) {
      this.#renderedMs = nowMs;
      this.#text = this.#renderNow();
    }
    return this.#text;
  }

  async #renderNow(): Promise<string> {
    const { registry, vllmAliases } = this.#options;
    const own = await registry.metrics();
    if (!vllmAliases) return own;
    const rows = Object.entries<MetricRow>(METRICS).filter(([, { aliases }]) => aliases?.length);
    const copies = rows.map(async ([name, { aliases = [] }]) => {
      const text = await registry.getSingleMetricAsString(name);
      return aliases.map((alias) => renameSeries(text, name, alias)).join('\n');
    });
    return `${[own.trimEnd(), ...(await Promise.all(copies))].join('\n')}\n`;
  }
}

/** The series `name` in exposition format under its alias, with the label `engine="0"`. */
export function renameSeries(text: string, name: string, alias: Alias): string {
  const lines = text.trimEnd().split('\n');
  return lines
    .map((line) => {
      if (line.startsWith('# ')) return line.replace(` ${name} `, ` ${alias.name} `);
      const renamed = alias.name + line.slice(name.length).replace('{', '{engine="0",');
      return Object.entries(alias.labels ?? {}).reduce(
        (result, [from, to]) => result.replace(new RegExp(`([{,])${from}="`), `$1${to}="`),
        renamed,
      );
    })
    .join('\n');
}
