/** GET /metrics and /load. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../server-context.ts';

export function addMetricsRoutes(app: FastifyInstance, server: ServerContext): void {
  const { metrics, config, engine } = server.deps;
  let text: Promise<string> | null = null;
  let renderedMs = 0;

  app.get('/metrics', async (_request, reply) => {
    const now = server.clock.now();
    if (text === null || now - renderedMs >= config.metrics.cacheMs) {
      text = metrics.render();
      renderedMs = now;
    }
    reply.type(metrics.contentType);
    return text;
  });

  app.get('/load', async () => ({
    server_load: server.openRequests.count,
    requests_running: engine.stats?.runningCount ?? 0,
    requests_waiting: engine.stats?.waitingCount ?? 0,
  }));
}
