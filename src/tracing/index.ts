/** Door of tracing. */
export type { ExchangeTrace, GenerationTrace, SequenceTrace } from './exchange-trace.ts';
export { openTracing, type Tracing } from './open-tracing.ts';
export { parseTraceParent } from './trace-parent.ts';
