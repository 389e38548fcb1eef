/**
 * Responses that wait behind another on the same connection. Node gives such a response its socket
 * only when its turn comes, so that it never hears when the connection is gone before.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const openResponses = new WeakMap<Socket, Set<ServerResponse>>();

/** Sees to it that the response is closed when its connection is, whether or not its turn came. */
export function closeWithConnection({ socket }: IncomingMessage, response: ServerResponse): void {
  const responses = responsesOf(socket);
  responses.add(response);
  response.once('close', () => responses.delete(response));
}

/** One listener a connection, however many requests it carries. */
function responsesOf(socket: Socket): Set<ServerResponse> {
  const known = openResponses.get(socket);
  if (known !== undefined) return known;
  const responses = new Set<ServerResponse>();
  openResponses.set(socket, responses);
  socket.once('close', () => {
    for (const response of [...responses].filter((open) => open.socket === null)) {
      response.destroy();
      response.emit('close');
    }
  });
  return responses;
}
