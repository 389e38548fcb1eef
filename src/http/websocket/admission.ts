/** Who may open a socket, where, and with which key. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { EtapError } from '../../errors.ts';
import type { ServerContext } from '../server-context.ts';
import { isWebSocketUpgrade } from './upgrades.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    speaksWebSocket?: boolean;
  }
}

/**
 * A page cannot set headers on a socket; it offers its key as a subprotocol behind this prefix, after
 * a neutral one: `new WebSocket(url, ['etap', 'openai-insecure-api-key.KEY'])`.
 */
const KEY_PREFIX = 'openai-insecure-api-key.';

/** `Authorization` as it was sent, or as an upgrade offers it; undefined where there is no key. */
export function authorizationOf(request: IncomingMessage): string | undefined {
  const { headers } = request;
  if (headers.authorization !== undefined || !isWebSocketUpgrade(request)) {
    return headers.authorization;
  }
  const key = (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(KEY_PREFIX))
    ?.slice(KEY_PREFIX.length);
  return key === undefined ? undefined : `Bearer ${key}`;
}

/** Nobody reads a connection whose upgrade was answered with a response: its end would go unseen. */
export function endWithAnswer({ socket }: IncomingMessage, answer: ServerResponse): void {
  answer.once('finish', () => socket.destroySoon());
}

/** The subprotocol to answer with: never one that carries a key. */
export function selectProtocol(offered: ReadonlySet<string>): string | false {
  for (const protocol of offered) if (!protocol.startsWith(KEY_PREFIX)) return protocol;
  return false;
}

/**
 * Throws EtapError ETAP_ERR_ROUTE_NOT_FOUND, ETAP_ERR_ORIGIN, ETAP_ERR_QUEUE_FULL,
 * ETAP_ERR_SHUTTING_DOWN.
 */
export function admitUpgrade({ raw, routeOptions }: FastifyRequest, server: ServerContext): void {
  if (routeOptions.config?.speaksWebSocket !== true) {
    throw new EtapError(
      'ETAP_ERR_ROUTE_NOT_FOUND',
      'no WebSocket is spoken on this path; docs/websocket.md lists those that do',
    );
  }
  checkOrigin(raw, server.deps.config.server.corsOrigins);
  server.sockets.checkRoom();
}

/** Any page can open a socket to any server: those of another origin need the leave that CORS gives. */
function checkOrigin({ headers }: IncomingMessage, allowed: readonly string[]): void {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()) return;
  throw new EtapError(
    'ETAP_ERR_ORIGIN',
    'pages of this origin may not open sockets here; the operator can add it to server.corsOrigins',
  );
}
