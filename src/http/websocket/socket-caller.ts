/** Who speaks over a socket, and the log line of each of their requests. */
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../../keys/index.ts';
import type { GenerationCall } from '../generation-call.ts';

export class SocketCaller {
  readonly caller: Caller;
  readonly #request: FastifyRequest;

  constructor(request: FastifyRequest) {
    this.caller = request.caller;
    this.#request = request;
  }

  /** One line, as each HTTP exchange has; null for a request that was refused before it was one. */
  logRequest(call: GenerationCall | null): void {
    const { log, routeOptions } = this.#request;
    const facts = { route: routeOptions.url, method: 'WEBSOCKET', id: call?.id ?? null };
    log.info({ ...facts, ...call?.log?.summary() }, 'request');
  }
}
