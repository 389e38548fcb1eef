/** Door of the metrics. */
export type { GpuSample } from './engine-metrics.ts';
export type { MetricRow } from './metric-row.ts';
export { COMMON_LABEL, METRICS } from './metric-table.ts';
export { type HttpExchange, Metrics, type RequestOutcome } from './metrics.ts';
export { NO_METRICS, type ServerMetrics } from './no-metrics.ts';
