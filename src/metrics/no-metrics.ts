/** What stands in for the metrics when they are off: it hears everything and keeps nothing. */
import type { Metrics } from './metrics.ts';

/** What the server asks of its metrics. */
export type ServerMetrics = {
  readonly [Member in Exclude<keyof Metrics, 'engine' | 'startSequence'>]: Metrics[Member];
} & {
  readonly engine: { readonly [Member in keyof Metrics['engine']]: Metrics['engine'][Member] };
  readonly startSequence: (
    facts: Parameters<Metrics['startSequence']>[0],
  ) => Pick<ReturnType<Metrics['startSequence']>, 'onToken' | 'onFinish'>;
};

const ignore = (): void => {};
const TIMELINE = { onToken: ignore, onFinish: ignore };

export const NO_METRICS: ServerMetrics = {
  engine: {
    onReady: ignore,
    onNotReady: ignore,
    onStep: ignore,
    onLoopLag: ignore,
    onGpu: ignore,
  },
  contentType: 'text/plain; charset=utf-8',
  render: async () => '',
  onExchange: ignore,
  onRejection: ignore,
  onAuthFailure: ignore,
  onReload: ignore,
  onClientGone: ignore,
  onSlowReader: ignore,
  onStreamCount: ignore,
  onSockets: ignore,
  onDrain: ignore,
  onOutcome: ignore,
  onRequest: ignore,
  startSequence: () => TIMELINE,
};
