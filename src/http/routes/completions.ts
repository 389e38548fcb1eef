/** POST /v1/completions */
import type { FastifyInstance } from 'fastify';
import { answerGeneration } from '../answer-generation.ts';
import { CompletionBody, completionFormat, completionToRequest } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';

export function addCompletionsRoute(app: FastifyInstance, server: ServerContext): void {
  app.post<{ Body: CompletionBody }>(
    '/v1/completions',
    { schema: { body: CompletionBody } },
    (request, reply) =>
      answerGeneration(
        server,
        { request, reply },
        {
          format: completionFormat,
          body: request.body,
          toRequest: (context) => completionToRequest(request.body, context),
        },
      ),
  );
}
