/**
 * Follows an exchange to its very end, also those that no response hook sees: streams, and clients that
 * left. Then it is counted, logged, traced, and looked at when it was slow.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseTraceParent } from '../tracing/index.ts';
import type { ServerContext } from './server-context.ts';
import { slowReason } from './slow-reason.ts';
import { isWebSocketUpgrade } from './websocket/index.ts';

/** Status in metrics and log of an exchange whose client left before its answer was complete. */
const CLIENT_GONE_STATUS = 499;
/** Of an exchange that became a socket. */
const UPGRADED_STATUS = 101;

/** Headers of gateways, which the log repeats so that its lines can be joined with theirs. */
const LOGGED_HEADERS = {
  fairnessId: 'x-llm-d-inference-fairness-id',
  objective: 'x-llm-d-inference-objective',
} as const;
/** Characters of one of them, at most. */
const LOGGED_HEADER_LENGTH = 128;

export function watchExchange(
  request: FastifyRequest,
  reply: FastifyReply,
  server: ServerContext,
): void {
  const { metrics } = server.deps;
  const startMs = server.clock.now();
  reply.raw.once('close', () => {
    const complete = reply.raw.writableEnded;
    const upgraded = !complete && isWebSocketUpgrade(request.raw);
    if (!complete && !upgraded) metrics.onClientGone();
    const exchange = {
      route: request.routeOptions.url ?? 'unknown',
      method: request.method,
      status: statusOf(reply, upgraded),
      seconds: (server.clock.now() - startMs) / 1000,
    };
    metrics.onExchange(exchange);
    const line = {
      ...exchange,
      ...traced(request, exchange, server),
      ...loggedHeaders(request),
      ...request.generationLog?.summary(),
    };
    request.log.info(line, 'request');
    warnIfSlow(request, exchange.seconds, server);
  });
}

function statusOf({ raw }: FastifyReply, upgraded: boolean): number {
  if (raw.writableEnded) return raw.statusCode;
  return upgraded ? UPGRADED_STATUS : CLIENT_GONE_STATUS;
}

type Exchange = {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
};

/** The trace that the request belongs to: the caller's, or the one begun here. */
function traced(request: FastifyRequest, exchange: Exchange, server: ServerContext): object {
  const parent = parseTraceParent(request.headers.traceparent);
  const { tracing, modelName } = server.deps;
  if (tracing === undefined) return parent === null ? {} : { traceId: parent.traceId };
  const endMs = Date.now();
  const traceId = tracing.onExchange({
    ...exchange,
    parent,
    requestId: request.id,
    startMs: endMs - exchange.seconds * 1000,
    endMs,
    generation: request.generationLog?.trace(modelName, endMs - server.clock.now()) ?? null,
  });
  return { traceId };
}

function loggedHeaders({ headers }: FastifyRequest): object {
  const found = Object.entries(LOGGED_HEADERS).map(([field, name]) => [field, headers[name]]);
  return Object.fromEntries(
    found.flatMap(([field, value]) =>
      typeof value === 'string' ? [[field, value.slice(0, LOGGED_HEADER_LENGTH)]] : [],
    ),
  );
}

function warnIfSlow(request: FastifyRequest, seconds: number, { deps }: ServerContext): void {
  const { slowRequestMs } = deps.config.log;
  const generation = request.generationLog;
  if (generation === null || slowRequestMs === 0 || seconds * 1000 < slowRequestMs) return;
  request.log.warn({ seconds, ...slowReason(generation.finishes) }, 'slow request');
}
