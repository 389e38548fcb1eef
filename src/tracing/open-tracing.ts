/** OpenTelemetry spans over OTLP/HTTP. Its packages are optional and loaded only when tracing is on. */
import type { Context, Tracer } from '@opentelemetry/api';
import type { TracingConfig } from '../config/index.ts';
import { EtapError } from '../errors.ts';
import type { ExchangeTrace, SequenceTrace } from './exchange-trace.ts';
import { exchangeAttributes } from './span-attributes.ts';

export type Tracing = {
  /** Sends the spans of an exchange that is over; returns their trace id. */
  onExchange(trace: ExchangeTrace): string;
  /** Sends what is left, as far as the collector takes it. */
  close(): Promise<void>;
};

/** Where collectors listen, below the configured address. */
const TRACES_PATH = '/v1/traces';
const SERVICE_NAME = 'etap';
const PERCENT = 100;

/** Null when tracing is off. Throws EtapError ETAP_ERR_CONFIG where the packages are missing. */
export async function openTracing(config: TracingConfig, version: string): Promise<Tracing | null> {
  const { endpoint } = config;
  if (endpoint === null) return null;
  const { api, sdk, resources, exporter } = await loadPackages();
  const ratio = new sdk.TraceIdRatioBasedSampler(config.samplePercent / PERCENT);
  const url = endpoint.replace(/\/+$/, '') + TRACES_PATH;
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({
      'service.name': SERVICE_NAME,
      'service.version': version,
    }),
    sampler: new sdk.ParentBasedSampler({ root: ratio }),
    spanProcessors: [
      new sdk.BatchSpanProcessor({
        exporter: new exporter.OTLPTraceExporter({ url, timeoutMillis: config.timeoutMs }),
      }),
    ],
  });
  return new SpanWriter(api, provider.getTracer(SERVICE_NAME, version), () => provider.shutdown());
}

async function loadPackages() {
  try {
    const [api, sdk, resources, exporter] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-http'),
    ]);
    return { api, sdk, resources, exporter };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EtapError(
      'ETAP_ERR_CONFIG',
      `tracing.endpoint: tracing needs optional packages that are not installed (${reason}); ` +
        'run `npm install` without --omit=optional, or unset it',
    );
  }
}

class SpanWriter implements Tracing {
  readonly #api: typeof import('@opentelemetry/api');
  readonly #tracer: Tracer;
  readonly #shutdown: () => Promise<void>;

  constructor(
    api: typeof import('@opentelemetry/api'),
    tracer: Tracer,
    shutdown: () => Promise<void>,
  ) {
    this.#api = api;
    this.#tracer = tracer;
    this.#shutdown = shutdown;
  }

  onExchange(trace: ExchangeTrace): string {
    const { SpanKind, SpanStatusCode, trace: traces } = this.#api;
    const root = this.#tracer.startSpan(
      `${trace.method} ${trace.route}`,
      {
        kind: SpanKind.SERVER,
        startTime: trace.startMs,
        attributes: exchangeAttributes(trace),
      },
      this.#parentContext(trace),
    );
    const context = traces.setSpan(this.#api.ROOT_CONTEXT, root);
    const sequences = root.isRecording() ? (trace.generation?.sequences ?? []) : [];
    for (const [index, sequence] of sequences.entries()) {
      this.#writeSequence(sequence, index, context);
    }
    const error = trace.generation?.error ?? null;
    if (trace.status >= 500 || error !== null) {
      root.setStatus({ code: SpanStatusCode.ERROR, ...(error !== null && { message: error }) });
    }
    root.end(trace.endMs);
    return root.spanContext().traceId;
  }

  async close(): Promise<void> {
    // A collector that is gone must not keep the server from stopping well.
    await this.#shutdown().catch(() => {});
  }

  #writeSequence(sequence: SequenceTrace, index: number, context: Context): void {
    const { startMs, scheduledMs, firstTokenMs, endMs, preemptionCount } = sequence;
    const attributes = { 'etap.sequence.index': index, 'etap.preemptions': preemptionCount };
    const write = (name: string, startTime: number, endTime: number): void =>
      this.#tracer.startSpan(name, { startTime, attributes }, context).end(endTime);
    write('queue', startMs, scheduledMs);
    if (scheduledMs < endMs) write('prefill', scheduledMs, firstTokenMs ?? endMs);
    if (firstTokenMs !== null) write('decode', firstTokenMs, endMs);
  }

  #parentContext({ parent }: ExchangeTrace): Context {
    const { ROOT_CONTEXT, trace: traces } = this.#api;
    if (parent === null) return ROOT_CONTEXT;
    const { traceId, spanId, flags: traceFlags } = parent;
    return traces.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
  }
}
