/** The text of GET /metrics: every row and its aliases, then the process; kept for a moment. */
import type { Instruments } from './instruments.ts';
import type { MetricRow } from './metric-row.ts';
import { COMMON_LABEL, METRICS } from './metric-table.ts';
import { escapeValue, SeriesText } from './series-text.ts';

export type ExpositionOptions = {
  readonly instruments: Instruments;
  readonly modelName: string;
  readonly vllmAliases: boolean;
  /** Scrapes this close together get the same text: some routers scrape every 50 ms. */
  readonly cacheMs: number;
  /** Milliseconds that only grow. */
  readonly now: () => number;
};

export class Exposition {
  readonly contentType: string;
  readonly #options: ExpositionOptions;
  readonly #metrics: readonly SeriesText[];
  #text: Promise<string> | null = null;
  #renderedMs = 0;

  constructor(options: ExpositionOptions) {
    this.#options = options;
    const { instruments, modelName, vllmAliases } = options;
    this.contentType = instruments.processRegistry.contentType;
    const commonLabels = `${COMMON_LABEL}="${escapeValue(modelName)}"`;
    this.#metrics = Object.entries<MetricRow>(METRICS).map(
      ([name, { type, help, aliases = [] }]) =>
        new SeriesText(instruments.metric(name), {
          name,
          type,
          help,
          commonLabels,
          aliases: vllmAliases ? aliases : [],
        }),
    );
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
    const own = await Promise.all(this.#metrics.map((metric) => metric.render()));
    return own.join('') + (await this.#options.instruments.processRegistry.metrics());
  }
}
