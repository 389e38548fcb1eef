/** GET /v1/etap/live: what the engine does, as server-sent events for the live page. */
import type { FastifyInstance } from 'fastify';
import { LiveFeed } from '../live/index.ts';
import type { ServerContext } from '../server-context.ts';
import { closed, headersOf, STREAM_HEADERS } from '../stream-reply.ts';

export function addLiveRoute(app: FastifyInstance, server: ServerContext): void {
  const { engine } = server.deps;
  const feed = new LiveFeed(engine, () => server.clock.now());
  // Readers stay as long as they are let: without this a stop would wait for them.
  app.addHook('preClose', async () => feed.close());

  app.get('/v1/etap/live', { exposeHeadRoute: false }, async (_request, reply) => {
    const reader = feed.add();
    reply.hijack();
    const stream = server.streams.open(reply.raw, {
      // The end of the stream is the end of the connection: a stop waits for idle ones too.
      headers: { ...headersOf(reply), ...STREAM_HEADERS, connection: 'close' },
      source: reader,
      onGone: () => feed.remove(reader),
    });
    reader.onWaiting = () => stream.touch();
    stream.touch();
    await closed(reply.raw);
    feed.remove(reader);
  });
}
