/** GET /metrics and /load. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../server-context.ts';

export function addMetricsRoutes(app: FastifyInstance, server: ServerContext): void {
  const { metrics, engine } = server.deps;

  app.get('/metrics', async (_request, reply) => {
    reply.type(metrics.contentType);
    return metrics.render();
  });

  app.get('/load', async () => ({
    server_load: server.openRequests.count,
    requests_running: engine.stats?.runningCount ?? 0,
    requests_waiting: engine.stats?.waitingCount ?? 0,
  }));
}
