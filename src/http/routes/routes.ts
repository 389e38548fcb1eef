/** Every route of the server. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../server-context.ts';
import { addAbortRoute } from './abort.ts';
import { addChatCompletionsRoute } from './chat-completions.ts';
import { addCompletionsRoute } from './completions.ts';
import { addFlushRoutes } from './flush.ts';
import { addHealthRoutes } from './health.ts';
import { addLiveRoute } from './live.ts';
import { addMetricsRoutes } from './metrics.ts';
import { addModelRoutes } from './models.ts';
import { addResponsesRoutes } from './responses.ts';
import { addTextRoutes } from './text.ts';
import { addVersionRoute } from './version.ts';

export function addRoutes(app: FastifyInstance, server: ServerContext): void {
  addCompletionsRoute(app, server);
  addChatCompletionsRoute(app, server);
  addResponsesRoutes(app, server);
  addModelRoutes(app, server);
  addTextRoutes(app, server);
  addAbortRoute(app, server);
  addFlushRoutes(app, server);
  addHealthRoutes(app, server);
  addMetricsRoutes(app, server);
  addLiveRoute(app, server);
  addVersionRoute(app, server);
}
