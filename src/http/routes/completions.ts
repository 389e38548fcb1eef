/** POST /v1/completions, and a socket on the same path. */
import type { FastifyInstance } from 'fastify';
import { answerGeneration } from '../answer-generation.ts';
import { CompletionBody, completionFormat, completionToRequest } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';
import { addSocketRoute, rawProtocol } from '../websocket/index.ts';

const URL = '/v1/completions';

export function addCompletionsRoute(app: FastifyInstance, server: ServerContext): void {
  app.post<{ Body: CompletionBody }>(URL, { schema: { body: CompletionBody } }, (request, reply) =>
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
  addSocketRoute(app, server, {
    url: URL,
    protocol: ({ caller, validator }) =>
      rawProtocol(server, caller, {
        format: completionFormat,
        validate: validator<CompletionBody>(CompletionBody),
        toRequest: completionToRequest,
      }),
  });
}
