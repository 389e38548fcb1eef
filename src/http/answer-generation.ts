/** Answers one generation request, whole or as a stream; a client that leaves ends its sequences. */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, EtapError } from '../errors.ts';
import { errorBody, errorHeaders } from './error-body.ts';
import { Generation } from './generation.ts';
import { GenerationLog } from './generation-log.ts';
import type { GenerationRequest } from './generation-request.ts';
import type { OpenRequest } from './open-requests.ts';
import {
  AnswerCollector,
  answerOptions,
  type RequestContext,
  StreamEncoder,
  type WireFormat,
} from './openai/index.ts';
import type { ServerContext } from './server-context.ts';
import type { HttpMetrics } from './server-deps.ts';
import type { SseStream } from './sse.ts';

/** Fields of a body that decide how its answer is sent. */
type AnswerBody = Parameters<typeof answerOptions>[1] & {
  readonly request_id?: string | null;
  readonly rid?: string | null;
};

export type GenerationJob = {
  readonly format: WireFormat;
  readonly body: AnswerBody;
  /** Validates the body and tokenizes its prompts. */
  readonly toRequest: (context: RequestContext) => Promise<GenerationRequest>;
};

const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // Proxies must hand on each event at once.
  'x-accel-buffering': 'no',
} as const;

/** Returns the answer, or undefined when the response is taken care of. */
export async function answerGeneration(
  server: ServerContext,
  exchange: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  job: GenerationJob,
): Promise<object | undefined> {
  const { request, reply } = exchange;
  const call = new GenerationCall(server, job, request);
  try {
    const context = server.requestContext(request.caller);
    server.openRequests.add(call);
    const generationRequest = await job.toRequest(context);
    call.checkNotAborted();
    // The client may have left while its prompt was tokenized.
    if (reply.raw.destroyed) {
      reply.hijack();
      return undefined;
    }
    server.deps.metrics.onRequest(generationRequest.completionsPerPrompt);
    const log = new GenerationLog(generationRequest, server.loggedText());
    request.generationLog = log;
    return job.body.stream === true
      ? await call.stream(generationRequest, log, reply)
      : await call.whole(generationRequest, log, reply);
  } catch (error) {
    countRejection(error, server);
    throw error;
  } finally {
    server.openRequests.remove(call);
  }
}

function countRejection(error: unknown, { deps }: ServerContext): void {
  const reason = error instanceof EtapError ? REJECTIONS[error.code] : undefined;
  if (reason !== undefined) deps.metrics.onRejection(reason);
}

const REJECTIONS: Partial<Record<ErrorCode, Parameters<HttpMetrics['onRejection']>[0]>> = {
  ETAP_ERR_QUEUE_FULL: 'queue_full',
  ETAP_ERR_ENGINE_NOT_READY: 'engine_not_ready',
  ETAP_ERR_SHUTTING_DOWN: 'shutting_down',
};

/** One request from its arrival to its last byte. */
class GenerationCall implements OpenRequest {
  readonly names: readonly string[];
  readonly tenant: string;
  readonly #server: ServerContext;
  readonly #job: GenerationJob;
  readonly #id: string;
  #generation: Generation | null = null;
  #aborted = false;

  constructor(server: ServerContext, job: GenerationJob, request: FastifyRequest) {
    const { request_id: requestId, rid } = job.body;
    this.#server = server;
    this.#job = job;
    this.#id = job.format.idPrefix + randomUUID().replaceAll('-', '');
    this.names = [this.#id, request.id, requestId, rid].filter((name) => typeof name === 'string');
    this.tenant = request.caller.tenant;
  }

  readonly abort = (): void => {
    this.#aborted = true;
    this.#generation?.abort();
  };

  /** Throws EtapError ETAP_ERR_ABORTED. */
  checkNotAborted(): void {
    if (!this.#aborted) return;
    throw new EtapError('ETAP_ERR_ABORTED', 'the request was aborted through /abort_request');
  }

  async whole(
    request: GenerationRequest,
    log: GenerationLog,
    reply: FastifyReply,
  ): Promise<object | undefined> {
    const answer = await new Promise<object | undefined>((resolve, reject) => {
      const listener = new AnswerCollector(this.#job.format, this.#options(request), {
        onAnswer: resolve,
        onFailed: reject,
      });
      const generation = Generation.start(this.#server.deps, request, log.tap(listener));
      this.#generation = generation;
      reply.raw.once('close', () => {
        generation.cancel();
        resolve(undefined);
      });
    });
    if (answer === undefined) reply.hijack();
    return answer;
  }

  /** Resolves when the response is closed, whoever closed it. */
  async stream(
    request: GenerationRequest,
    log: GenerationLog,
    reply: FastifyReply,
  ): Promise<undefined> {
    const { raw } = reply;
    let stream: SseStream | null = null;
    const encoder = new StreamEncoder(this.#job.format, this.#options(request), {
      onWaiting: () => stream?.touch(),
      onFailed: (error) => failStream(stream, error, headersOf(reply)),
    });
    const generation = Generation.start(this.#server.deps, request, log.tap(encoder));
    this.#generation = generation;
    reply.hijack();
    stream = this.#server.streams.open(raw, {
      headers: { ...headersOf(reply), ...STREAM_HEADERS },
      source: encoder,
      onGone: () => generation.cancel(),
    });
    stream.touch();
    await closed(raw);
    return undefined;
  }

  #options(request: GenerationRequest) {
    const head = {
      id: this.#id,
      created: this.#server.clock.unixSeconds(),
      model: this.#server.deps.modelName,
      fingerprint: this.#server.fingerprint(),
    };
    const { tokenizer } = this.#server.deps.text;
    return answerOptions({ head, request, tokenizer }, this.#job.body);
  }
}

/** As a status while nothing was sent, so that clients retry what can be retried; else as an event. */
function failStream(
  stream: SseStream | null,
  error: EtapError,
  headers: Readonly<Record<string, string>>,
): void {
  if (stream === null) return;
  if (stream.opened) {
    stream.touch();
    return;
  }
  const json = { 'content-type': 'application/json; charset=utf-8' };
  const body = JSON.stringify(errorBody(error));
  stream.refuse(error.status, { ...headers, ...json, ...errorHeaders(error) }, body);
}

/** Headers that hooks have set: a hijacked reply does not send them by itself. */
const headersOf = (reply: FastifyReply): Record<string, string> =>
  Object.fromEntries(
    Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  );

const closed = (raw: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    raw.once('close', resolve);
  });
