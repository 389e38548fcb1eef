/** POST /v1/chat/completions */
import type { FastifyInstance } from 'fastify';
import { answerGeneration } from '../answer-generation.ts';
import { ChatBody, chatFormat, chatToRequest } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';

export function addChatCompletionsRoute(app: FastifyInstance, server: ServerContext): void {
  app.post<{ Body: ChatBody }>(
    '/v1/chat/completions',
    { schema: { body: ChatBody } },
    (request, reply) =>
      answerGeneration(
        server,
        { request, reply },
        {
          format: chatFormat,
          body: request.body,
          toRequest: (context) => chatToRequest(request.body, context),
        },
      ),
  );
}
