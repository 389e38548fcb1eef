/** POST /abort_request: ends requests by name; each gets the error `request_aborted`. */
import type { FastifyInstance } from 'fastify';
import { AbortBody } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';

export function addAbortRoute(app: FastifyInstance, server: ServerContext): void {
  app.post<{ Body: AbortBody }>(
    '/abort_request',
    { schema: { body: AbortBody } },
    async ({ body, caller }) => ({ aborted: server.openRequests.abort(body.rid, caller) }),
  );
}
