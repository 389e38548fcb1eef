/** A path that answers the upgrade of a GET with a socket, and a plain GET with 426. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { TSchema } from 'typebox';
import { EtapError } from '../../errors.ts';
import { schemaError } from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';
import { type SocketProtocol, SocketSession } from './session.ts';
import { SocketCaller } from './socket-caller.ts';

export type SocketSpeaker = {
  readonly caller: SocketCaller;
  /** Checks a request against its schema. Throws EtapError ETAP_ERR_INVALID_REQUEST. */
  validator<Body>(schema: TSchema): (body: unknown) => Body;
};

export function addSocketRoute<State>(
  app: FastifyInstance,
  server: ServerContext,
  route: {
    readonly url: string;
    /** What is spoken on one connection. */
    readonly protocol: (speaker: SocketSpeaker) => SocketProtocol<State>;
  },
): void {
  app.route({
    method: 'GET',
    url: route.url,
    config: { speaksWebSocket: true },
    handler: (_request, reply) => {
      reply.headers({ upgrade: 'websocket', connection: 'Upgrade' });
      throw new EtapError(
        'ETAP_ERR_UPGRADE_REQUIRED',
        'GET opens a WebSocket here; send the upgrade headers, or use POST',
      );
    },
    wsHandler: (socket, request) => {
      const connection = server.sockets.add(socket, request.socket);
      const caller = new SocketCaller(request);
      const protocol = route.protocol({
        caller,
        validator: (schema) => bodyValidator(request, schema),
      });
      const { jsonDepth } = server.deps.config.limits;
      const options = { log: request.log, depthMax: jsonDepth };
      connection.serveWith(new SocketSession(connection, protocol, options));
    },
  });
}

function bodyValidator<Body>(request: FastifyRequest, schema: TSchema): (body: unknown) => Body {
  const validate = request.compileValidationSchema(schema);
  return (body) => {
    if (validate(body)) return body as Body;
    throw schemaError(validate.errors ?? []);
  };
}
