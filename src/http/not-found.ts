/** Paths that no route has, and methods that a route does not answer. */
import type { FastifyInstance } from 'fastify';
import { EtapError } from '../errors.ts';

/** To be called before the routes are added. */
export function addNotFoundHandler(app: FastifyInstance): void {
  const methodsByPath = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = methodsByPath.get(url) ?? new Set();
    for (const name of [method].flat()) methods.add(name);
    methodsByPath.set(url, methods);
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    const methods = methodsByPath.get(path);
    if (methods === undefined) {
      throw new EtapError(
        'ETAP_ERR_ROUTE_NOT_FOUND',
        'this server has no such route; docs/api.md lists those it has',
      );
    }
    const allowed = [...methods].join(', ');
    reply.header('allow', allowed);
    throw new EtapError(
      'ETAP_ERR_METHOD_NOT_ALLOWED',
      `this route does not answer that method; allowed: ${allowed}`,
    );
  });
}
