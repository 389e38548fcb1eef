/** Forgets cached prompts, for operators who measure: under the names of SGLang and of vLLM. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../server-context.ts';

const FLUSH_ROUTES = ['/flush_cache', '/reset_prefix_cache'] as const;

export function addFlushRoutes(app: FastifyInstance, server: ServerContext): void {
  for (const route of FLUSH_ROUTES) {
    app.post(route, async () => {
      server.readyInfo();
      server.deps.engine.flushPrefixCache();
      return { flushed: true };
    });
  }
}
