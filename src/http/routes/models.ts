/** GET /v1/models and /v1/models/{id}: the one model that is served. */
import type { FastifyInstance } from 'fastify';
import { checkModel } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';

export function addModelRoutes(app: FastifyInstance, server: ServerContext): void {
  const created = server.clock.unixSeconds();
  const { modelName } = server.deps;
  const model = () => ({
    id: modelName,
    object: 'model',
    created,
    owned_by: 'etap',
    root: modelName,
    parent: null,
    max_model_len: server.readyInfo().maxModelLen,
    permission: [],
  });
  app.get('/v1/models', async () => ({ object: 'list', data: [model()] }));
  // Names have slashes, which clients may leave as they are.
  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request) => {
    checkModel(request.params['*'], modelName);
    return model();
  });
}
