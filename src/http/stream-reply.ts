/** What every answer that is a stream of events needs of its reply. */
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // Proxies must hand on each event at once.
  'x-accel-buffering': 'no',
} as const;

/** Headers that hooks have set: a hijacked reply does not send them by itself. */
export const headersOf = (reply: FastifyReply): Record<string, string> =>
  Object.fromEntries(
    Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  );

/** Resolves when the response is closed, whoever closed it. */
export const closed = (raw: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    raw.once('close', resolve);
  });
