/** Door of the metrics. */
export { COMMON_LABEL, METRICS, type MetricRow } from './metric-table.ts';
export { type HttpExchange, Metrics } from './metrics.ts';
