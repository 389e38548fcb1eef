/** One prom-client instrument for each row of the table, reached by name. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { MetricRow } from './metric-row.ts';
import { COMMON_LABEL, METRICS, type MetricName, type NameOf } from './metric-table.ts';

/** Gauges of prom-client whose names end in `_total`, which promtool refuses. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

export class Instruments {
  readonly registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  constructor(modelName: string) {
    this.registry.setDefaultLabels({ [COMMON_LABEL]: modelName });
    for (const [name, row] of Object.entries<MetricRow>(METRICS)) this.#create(name, row);
    collectDefaultMetrics({ register: this.registry });
    for (const name of MISNAMED_DEFAULTS) this.registry.removeSingleMetric(name);
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

  #create(name: string, row: MetricRow): void {
    const options = {
      name,
      help: row.help,
      labelNames: [...row.labels],
      registers: [this.registry],
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

function found<Instrument>(instruments: Map<string, Instrument>, name: MetricName): Instrument {
  const instrument = instruments.get(name);
  if (instrument === undefined) throw new TypeError(`no metric is named ${name}`);
  return instrument;
}
