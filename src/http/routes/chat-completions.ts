/** POST /v1/chat/completions, and a socket on the same path. */
import type { FastifyInstance } from 'fastify';
import { answerGeneration } from '../answer-generation.ts';
import { ChatBody, chatFormat, chatToRequest } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';
import { addSocketRoute, rawProtocol } from '../websocket/index.ts';

const URL = '/v1/chat/completions';

export function addChatCompletionsRoute(app: FastifyInstance, server: ServerContext): void {
  app.post<{ Body: ChatBody }>(URL, { schema: { body: ChatBody } }, (request, reply) =>
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
  addSocketRoute(app, server, {
    url: URL,
    protocol: ({ caller, validator }) =>
      rawProtocol(server, caller, {
        format: chatFormat,
        validate: validator<ChatBody>(ChatBody),
        toRequest: chatToRequest,
      }),
  });
}
