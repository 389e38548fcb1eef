/** Answers to bytes that never became a request: too many headers, too slow, or not HTTP at all. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { EtapError } from '../errors.ts';
import { errorBody } from './error-body.ts';

export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const coded = clientError(error.code);
  const body = JSON.stringify(errorBody(coded));
  socket.end(
    [
      `HTTP/1.1 ${coded.status} ${STATUS_CODES[coded.status]}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

function clientError(code: string | undefined): EtapError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new EtapError('ETAP_ERR_HEADERS_TOO_LARGE', 'the headers are larger than allowed');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new EtapError('ETAP_ERR_REQUEST_TIMEOUT', 'the request did not arrive in time');
    default:
      return new EtapError('ETAP_ERR_INVALID_REQUEST', 'what arrived is not an HTTP/1.1 request');
  }
}
