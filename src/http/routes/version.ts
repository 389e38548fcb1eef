/** GET /version */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../server-context.ts';

export function addVersionRoute(app: FastifyInstance, server: ServerContext): void {
  app.get('/version', async () => {
    const { version, modelName, engine } = server.deps;
    const { info } = engine;
    return {
      version,
      model: modelName,
      backend: info?.backend ?? null,
      isa: info?.isa ?? null,
      dtype: info?.dtype ?? null,
      tensor_parallel_size: info?.tensorParallelSize ?? null,
    };
  });
}
