/** Builds the HTTP server: one Fastify instance with its parser, hooks, error handling and routes. */
import type { Server as TlsServer } from 'node:tls';
import cors from '@fastify/cors';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { bodyBytesMax } from '../config/index.ts';
import { answerClientError } from './client-error.ts';
import { bodyTooLarge, errorBody, errorHeaders, toEtapError } from './error-body.ts';
import { addHooks, requestId } from './hooks.ts';
import { parseJsonBody } from './json-body.ts';
import { PATH_PARAMETER_LENGTH_MAX } from './limits.ts';
import { addNotFoundHandler } from './not-found.ts';
import { schemaError } from './openai/index.ts';
import { addOpenApi } from './openapi/index.ts';
import { addPlayground } from './playground.ts';
import { addRoutes } from './routes/index.ts';
import { ServerContext } from './server-context.ts';
import type { ServerDeps } from './server-deps.ts';
import { tlsOptions } from './tls.ts';
import { addSockets } from './websocket/index.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Steps of stopping gracefully, and what is still to wait for. */
    drain: DrainControl;
    /** From now on these keys and this certificate hold, for new requests and connections. */
    replaceAccess(access: Access): void;
  }
}

export type DrainControl = {
  /** Readiness is gone, so that routers look elsewhere; requests are still served. */
  begin(): void;
  /** New generation requests are refused. */
  refuseRequests(): void;
  readonly openRequestCount: number;
};

/** Who may come in, and the certificate they are shown; null without TLS. */
export type Access = Pick<ServerDeps, 'apiKeys' | 'tls'>;

/** Between two log lines about connections that were not taken. */
const DROP_LOG_MS = 10_000;

/** The server, not yet listening; what it needs is in `deps`. */
export function buildServer(deps: ServerDeps): FastifyInstance {
  const server = new ServerContext(deps);
  const app = Fastify(options(deps));
  limitConnections(app, deps);
  app.setSchemaErrorFormatter(schemaError);
  addErrorHandler(app);
  addBodyParser(app, server);
  addHooksAndCors(app, server);
  addNotFoundHandler(app);
  addSockets(app, server);
  // In a plugin of their own, so that they are added once sockets are known.
  app.register(async (scope) => {
    addRoutes(scope, server);
    if (deps.config.server.apiDocs) addOpenApi(scope, deps.version);
    addPlayground(scope, server.page);
  });
  app.decorate('drain', drainControl(server));
  app.decorate('replaceAccess', ({ apiKeys, tls }: Access) => {
    server.keyRing.replace(apiKeys);
    // Of node:tls where the server was made with a certificate.
    if (tls != null) (app.server as unknown as TlsServer).setSecureContext(tlsOptions(tls));
  });
  app.addHook('onClose', () => server.responses.store.close());
  return app;
}

function options({ config, logger, tls }: ServerDeps) {
  const { limits, timeouts } = config;
  const listener = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: timeouts.headersMs,
    // Notices peers that vanished without a word while they wait for an answer.
    keepAlive: true,
    keepAliveInitialDelay: timeouts.pingMs,
  };
  return {
    ...(logger !== undefined && { loggerInstance: logger }),
    // Our own line is written when the response is closed, also for streams.
    logController: new LogController({
      disableRequestLogging: true,
      requestIdLogLabel: 'requestId',
    }),
    bodyLimit: limits.bodyBytes,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    // A request may be silent for as long as its answer takes.
    connectionTimeout: 0,
    http: listener,
    // Fastify's types tell the two kinds of server apart, its API does not.
    https: (tls == null ? null : { ...listener, ...tlsOptions(tls) }) as null,
    genReqId: requestId,
    requestIdHeader: false as const,
    // A request that slips in while closing is answered by our own handlers.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PATH_PARAMETER_LENGTH_MAX },
    clientErrorHandler: answerClientError,
    frameworkErrors: sendError,
    ajv: {
      customOptions: {
        coerceTypes: false as const,
        removeAdditional: false,
        useDefaults: false,
        // The formatter tells what was found and what is allowed.
        verbose: true,
        keywords: ['expected', 'refused', 'ignored'],
      },
    },
  };
}

/** Sockets cost memory before they say anything; the log tells at most once in a while. */
function limitConnections(app: FastifyInstance, { config }: ServerDeps): void {
  const { maxConnections } = config.server;
  let toldMs = Number.NEGATIVE_INFINITY;
  app.server.maxConnections = maxConnections;
  app.server.on('drop', () => {
    if (performance.now() - toldMs < DROP_LOG_MS) return;
    toldMs = performance.now();
    app.log.warn({ maxConnections }, 'closing connections: server.maxConnections is reached');
  });
}

type AnyReply = {
  code(status: number): AnyReply;
  headers(values: Record<string, string>): AnyReply;
  send(body: never): unknown;
};

function sendError(error: FastifyError | Error, _request: unknown, reply: AnyReply): void {
  const coded = toEtapError(error);
  reply
    .code(coded.status)
    .headers(errorHeaders(coded))
    .send(errorBody(coded) as never);
}

function addErrorHandler(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    if (toEtapError(error).status >= 500) request.log.error({ err: error }, 'request failed');
    sendError(error, request, reply);
  });
}

function addBodyParser(app: FastifyInstance, server: ServerContext): void {
  const { limits } = server.deps.config;
  const parse = async (_request: FastifyRequest, body: Buffer): Promise<unknown> => {
    const bytesMax = bodyBytesMax(limits, server.deps.engine.info?.maxModelLen ?? null);
    if (body.length > bytesMax) throw bodyTooLarge(bytesMax);
    return parseJsonBody(body, limits.jsonDepth);
  };
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parse);
}

/** CORS comes first: a preflight carries no key. */
function addHooksAndCors(app: FastifyInstance, server: ServerContext): void {
  const { corsOrigins } = server.deps.config.server;
  if (corsOrigins.length > 0) {
    app.register(cors, {
      origin: corsOrigins.includes('*') ? true : [...corsOrigins],
      exposedHeaders: ['x-request-id', 'retry-after'],
    });
  }
  addHooks(app, server);
}

const drainControl = (server: ServerContext): DrainControl => ({
  begin: () => server.beginDrain(),
  refuseRequests: () => {
    server.openRequests.refuseNew();
    server.sockets.drain();
  },
  get openRequestCount() {
    return server.openRequests.count;
  },
});
