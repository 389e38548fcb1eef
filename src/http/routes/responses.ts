/** /v1/responses: make, retrieve, cancel and delete responses; and a socket on the same path. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { invalidField } from '../openai/index.ts';
import { type ResponseEncoder, ResponseRun, ResponsesBody } from '../responses/index.ts';
import type { ServerContext } from '../server-context.ts';
import type { FrameSource, SseStream } from '../sse.ts';
import { closed, headersOf, STREAM_HEADERS } from '../stream-reply.ts';
import { addSocketRoute, responsesProtocol } from '../websocket/index.ts';
import { pageOf } from './page.ts';

const URL = '/v1/responses';

type ById = {
  readonly Params: { readonly id: string };
  readonly Querystring: Readonly<Record<string, string>>;
};

export function addResponsesRoutes(app: FastifyInstance, server: ServerContext): void {
  const { responses } = server;

  app.post<{ Body: ResponsesBody }>(URL, { schema: { body: ResponsesBody } }, (request, reply) =>
    new ResponseExchange(server, request, reply).answer(),
  );
  app.get<ById>(`${URL}/:id`, async ({ params, query, caller }) => {
    if (query.stream === 'true') {
      throw invalidField('stream', 'a response cannot be streamed again; leave this out');
    }
    return responses.retrieve(caller.tenant, params.id);
  });
  app.post<ById>(`${URL}/:id/cancel`, async ({ params, caller }) =>
    responses.cancel(caller.tenant, params.id),
  );
  app.delete<ById>(`${URL}/:id`, async ({ params, caller }) => {
    responses.delete(caller.tenant, params.id);
    return { id: params.id, object: 'response', deleted: true };
  });
  app.get<ById>(`${URL}/:id/input_items`, async ({ params, query, caller }) =>
    pageOf(responses.stored(caller.tenant, params.id).input, query),
  );
  addSocketRoute(app, server, {
    url: URL,
    protocol: ({ caller, validator }) =>
      responsesProtocol(server, caller, validator<ResponsesBody>(ResponsesBody)),
  });
}

/** One POST and its answer. */
class ResponseExchange {
  readonly #server: ServerContext;
  readonly #request: FastifyRequest<{ Body: ResponsesBody }>;
  readonly #reply: FastifyReply;
  readonly #run: ResponseRun;
  #stream: SseStream | null = null;

  constructor(
    server: ServerContext,
    request: FastifyRequest<{ Body: ResponsesBody }>,
    reply: FastifyReply,
  ) {
    this.#server = server;
    this.#request = request;
    this.#reply = reply;
    this.#run = new ResponseRun({
      server,
      caller: request.caller,
      body: request.body,
      names: [request.id],
      parent: null,
      warmUp: false,
      onWaiting: () => this.#stream?.touch(),
    });
  }

  /** Returns the response, or undefined when the reply is taken care of. */
  async answer(): Promise<object | undefined> {
    const { raw } = this.#reply;
    raw.once('close', () => {
      if (!raw.writableEnded) this.#run.cancel();
    });
    const isStream = this.#request.body.stream === true;
    let failure: Error | null = null;
    await this.#run.run(async (encoder) => {
      this.#request.generationLog = this.#run.call.log;
      if (isStream) await this.#streamEvents(encoder);
      else await encoder.end;
      failure = encoder.failure;
    });
    if (isStream) return undefined;
    if (failure !== null) throw failure;
    if (!raw.destroyed) return this.#run.resource();
    this.#reply.hijack();
    return undefined;
  }

  /** Resolves when the reply is closed, whoever closed it. */
  async #streamEvents(encoder: ResponseEncoder): Promise<void> {
    const { raw } = this.#reply;
    this.#reply.hijack();
    if (raw.destroyed) return;
    this.#stream = this.#server.streams.open(raw, {
      headers: { ...headersOf(this.#reply), ...STREAM_HEADERS },
      source: new EventSource(encoder),
      onGone: () => this.#run.cancel(),
    });
    this.#stream.touch();
    await closed(raw);
  }
}

const TYPE_START = '{"type":"'.length;

/** Events as server-sent events, each with its type as its name. */
class EventSource implements FrameSource {
  readonly #encoder: ResponseEncoder;
  ended = false;

  constructor(encoder: ResponseEncoder) {
    this.#encoder = encoder;
  }

  get waitingLength(): number {
    return this.#encoder.waitingLength;
  }

  takeFrames(): string {
    if (this.ended) return '';
    let frames = '';
    for (const event of this.#encoder.takeEvents()) {
      const type = event.slice(TYPE_START, event.indexOf('"', TYPE_START));
      frames += `event: ${type}\ndata: ${event}\n\n`;
    }
    this.ended = this.#encoder.ended;
    return this.ended ? `${frames}data: [DONE]\n\n` : frames;
  }
}
