/** One prom-client instrument for each row of the table, reached by name. */
import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type Metric,
  Registry,
} from 'prom-client';
import type { MetricRow } from './metric-row.ts';
import { COMMON_LABEL, METRICS, type NameOf } from './metric-table.ts';

/**
 * Of prom-client's own: gauges whose names end in `_total`, which promtool refuses; the event loop, for
 * which we have a row for both processes and whose deviation takes 0.6 ms of each scrape; and heap
 * spaces and handles, which nobody asked for and which take another 0.3.
 */
const UNWANTED_DEFAULTS = /^nodejs_(active_|eventloop_lag_|heap_space_)/;

export class Instruments {
  /** Figures of this process, which are read when they are asked for. */
  readonly processRegistry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  constructor(modelName: string) {
    for (const [name, row] of Object.entries<MetricRow>(METRICS)) this.#create(name, row);
    this.processRegistry.setDefaultLabels({ [COMMON_LABEL]: modelName });
    collectDefaultMetrics({ register: this.processRegistry });
    for (const { name } of this.processRegistry.getMetricsAsArray()) {
      if (UNWANTED_DEFAULTS.test(name)) this.processRegistry.removeSingleMetric(name);
    }
  }

  counter(name: NameOf<'counter'>): Counter {
    return found(this.#counters, name);
  }

  gauge(name: NameOf<'gauge'>): Gauge {
    return found(this.#gauges, name);
  }

  histogram(name: NameOf<'histogram'>): Histogram {
    return found(this.#histograms, name);
  }

  /** Any row of the table. */
  metric(name: string): Metric {
    return found(
      new Map<string, Metric>([...this.#counters, ...this.#gauges, ...this.#histograms]),
      name,
    );
  }

  #create(name: string, row: MetricRow): void {
    const options = {
      name,
      help: row.help,
      labelNames: [...row.labels],
      registers: [],
    };
    switch (row.type) {
      case 'counter':
        this.#counters.set(name, new Counter(options));
        break;
      case 'gauge':
        this.#gauges.set(name, new Gauge(options));
        break;
      case 'histogram':
        this.#histograms.set(
          name,
          new Histogram({ ...options, buckets: [...(row.buckets ?? [])] }),
        );
        break;
    }
  }
}

function found<Instrument>(instruments: Map<string, Instrument>, name: string): Instrument {
  const instrument = instruments.get(name);
  if (instrument === undefined) throw new TypeError(`no metric is named ${name}`);
  return instrument;
}
