/** Liveness never depends on load or engine restarts; readiness tells whether requests would be served. */
import type { FastifyInstance } from 'fastify';
import { EtapError } from '../../errors.ts';
import type { ServerContext } from '../server-context.ts';

export function addHealthRoutes(app: FastifyInstance, server: ServerContext): void {
  const live = async () => {
    // No restart is left: only a new process helps.
    if (server.deps.engine.state === 'failed') server.readyInfo();
    return { status: 'ok' };
  };
  const ready = async () => {
    if (server.draining) {
      throw new EtapError('ETAP_ERR_SHUTTING_DOWN', 'the server is shutting down');
    }
    server.readyInfo();
    return { status: 'ok' };
  };
  for (const path of ['/health/live', '/live']) app.get(path, live);
  for (const path of ['/health', '/health/ready', '/ready']) app.get(path, ready);
}
