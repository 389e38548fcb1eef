/** Lets the routes that are added after it be WebSocket routes too. */
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../server-context.ts';
import { selectProtocol } from './admission.ts';
import { webSocketUpgrades } from './upgrades.ts';

export function addSockets(app: FastifyInstance, server: ServerContext): void {
  app.register(websocket, {
    options: {
      // The plugin only listens for 'upgrade' on it.
      server: webSocketUpgrades(app.server) as never,
      maxPayload: server.deps.config.limits.bodyBytes,
      // Compressing each delta costs more than its bytes; and its buffers are the peer's to grow.
      perMessageDeflate: false,
      handleProtocols: selectProtocol,
      clientTracking: false,
    },
    errorHandler: (_error, socket) => socket.terminate(),
    preClose: (done) => {
      void server.sockets.closeAll().then(() => done());
    },
  });
}
