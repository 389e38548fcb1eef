/** What happens around every request: its id, its caller, its place in the metrics and the log. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { EtapError } from '../errors.ts';
import type { Caller } from '../keys/index.ts';
import { DoorKeeper } from './auth.ts';
import type { GenerationLog } from './generation-log.ts';
import { HEADERS_MAX } from './limits.ts';
import { OPENAPI_ROUTES } from './openapi/index.ts';
import { closeWithConnection } from './pipelined.ts';
import type { ServerContext } from './server-context.ts';
import { watchExchange } from './watch-exchange.ts';
import {
  admitUpgrade,
  authorizationOf,
  endWithAnswer,
  isWebSocketUpgrade,
} from './websocket/index.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the hook that checks keys, before any handler. */
    caller: Caller;
    /** What the log tells about the request's generation; null where there is none. */
    generationLog: GenerationLog | null;
  }
}

/** The client's id where it is printable and short, else one of ours. */
export function requestId({ headers }: { readonly headers: IncomingMessage['headers'] }): string {
  const given = headers['x-request-id'];
  if (typeof given === 'string' && /^[\x21-\x7e]{1,128}$/.test(given)) return given;
  return `req_${randomUUID().replaceAll('-', '')}`;
}

/** Hooks of the root, so that no route escapes them. */
export function addHooks(app: FastifyInstance, server: ServerContext): void {
  const { config } = server.deps;
  const door = new DoorKeeper(server.keyRing, {
    openMetrics: config.metrics.auth === 'none',
    pageRoutes: [...server.page.files.map(({ route }) => route), ...OPENAPI_ROUTES],
  });
  // The hook below sets it for each request; null is never seen by a handler.
  app.decorateRequest('caller', null as unknown as Caller);
  app.decorateRequest('generationLog', null);
  const headers = securityHeaders(server.deps.tls != null);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers).header('x-request-id', request.id);
    watchExchange(request, reply, server);
    closeWithConnection(request.raw, reply.raw);
    if (isWebSocketUpgrade(request.raw)) endWithAnswer(request.raw, reply.raw);
    checkHeaderCount(request);
    request.caller = authenticate(request, door, server);
    if (isWebSocketUpgrade(request.raw)) admitUpgrade(request, server);
  });
  app.addHook('onSend', async (_request, reply) => cutStalledReader(reply, server));
}

/** Answers are for the caller alone, and never anything but what they say they are. */
const securityHeaders = (isTls: boolean) => ({
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  ...(isTls && { 'strict-transport-security': 'max-age=31536000' }),
});

/** A refused key is counted, so that somebody who tries keys out is noticed. */
function authenticate(request: FastifyRequest, door: DoorKeeper, server: ServerContext): Caller {
  try {
    return door.authenticate(request.routeOptions.url, authorizationOf(request.raw));
  } catch (error) {
    server.deps.metrics.onAuthFailure();
    throw error;
  }
}

/** A whole answer waits in memory until it is read; streams have a watch of their own. */
function cutStalledReader({ raw }: FastifyReply, { deps }: ServerContext): void {
  raw.setTimeout(deps.config.timeouts.slowReaderMs, () => {
    deps.metrics.onSlowReader();
    raw.destroy();
  });
}

function checkHeaderCount({ raw }: FastifyRequest): void {
  const count = raw.rawHeaders.length / 2;
  if (count <= HEADERS_MAX) return;
  throw new EtapError(
    'ETAP_ERR_HEADERS_TOO_LARGE',
    `found ${count} headers, allowed are at most ${HEADERS_MAX}`,
  );
}
