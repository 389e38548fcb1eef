/**
 * Which upgrades reach the WebSocket side. Node takes every request with an `Upgrade` header off the
 * HTTP parser once anybody listens for upgrades; but some clients offer HTTP/2 that way with each
 * plain request (`Upgrade: h2c`) and expect to be answered in HTTP/1.1. Those are put back.
 */
import { EventEmitter } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** Headers of the offer that is not taken up. */
const OFFER = new Set(['upgrade', 'http2-settings', 'connection']);

/** An emitter of 'upgrade', as @fastify/websocket listens for it, of WebSocket upgrades alone. */
export function webSocketUpgrades(server: Server): EventEmitter {
  const upgrades = new EventEmitter();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isWebSocketUpgrade(request)) upgrades.emit('upgrade', request, socket, head);
    else serveWithoutUpgrade(server, request, socket, head);
  });
  return upgrades;
}

export const isWebSocketUpgrade = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';

/** Writes the request anew without its offer and gives the connection back to the HTTP server. */
function serveWithoutUpgrade(
  server: Server,
  { method, url, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const lines = [`${method} ${url} HTTP/1.1`];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!OFFER.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[index + 1]}`);
  }
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
