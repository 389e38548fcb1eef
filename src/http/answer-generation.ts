/** Answers one generation request over HTTP, whole or as a stream of server-sent events. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EtapError } from '../errors.ts';
import { errorBody, errorHeaders } from './error-body.ts';
import { GenerationCall } from './generation-call.ts';
import type { GenerationRequest } from './generation-request.ts';
import {
  type AnswerBody,
  AnswerCollector,
  answerOptions,
  type RequestContext,
  StreamEncoder,
  type WireFormat,
} from './openai/index.ts';
import type { ServerContext } from './server-context.ts';
import type { SseStream } from './sse.ts';
import { closed, headersOf, STREAM_HEADERS } from './stream-reply.ts';

export type GenerationJob = {
  readonly format: WireFormat;
  readonly body: AnswerBody;
  /** Validates the body and tokenizes its prompts. */
  readonly toRequest: (context: RequestContext) => Promise<GenerationRequest>;
};

type Exchange = { readonly request: FastifyRequest; readonly reply: FastifyReply };

/** Returns the answer, or undefined when the response is taken care of. */
export async function answerGeneration(
  server: ServerContext,
  { request, reply }: Exchange,
  job: GenerationJob,
): Promise<object | undefined> {
  const { request_id: requestId, rid } = job.body;
  const call = new GenerationCall(server, {
    idPrefix: job.format.idPrefix,
    caller: request.caller,
    names: [request.id, requestId, rid],
  });
  const answer = call.run(job.toRequest, async (generationRequest) => {
    request.generationLog = call.log;
    // The client may have left while its prompt was tokenized.
    if (reply.raw.destroyed) {
      reply.hijack();
      return undefined;
    }
    const { tokenizer } = server.deps.text;
    const parts = { head: call.head(), request: generationRequest, tokenizer };
    const answer = new Answer(server, call, job, answerOptions(parts, job.body));
    return job.body.stream === true ? answer.stream(reply) : answer.whole(reply);
  });
  return answer.finally(() => tellLimits(call, reply));
}

/** Whether or not there was room, the client hears what its key has left. */
function tellLimits({ caller }: GenerationCall, reply: FastifyReply): void {
  if (!reply.sent) reply.headers(caller.account.headers());
}

/** The answer of one call on its way to one response. */
class Answer {
  readonly #server: ServerContext;
  readonly #call: GenerationCall;
  readonly #format: WireFormat;
  readonly #options: ReturnType<typeof answerOptions>;

  constructor(
    server: ServerContext,
    call: GenerationCall,
    { format }: GenerationJob,
    options: ReturnType<typeof answerOptions>,
  ) {
    this.#server = server;
    this.#call = call;
    this.#format = format;
    this.#options = options;
  }

  async whole(reply: FastifyReply): Promise<object | undefined> {
    const answer = await new Promise<object | undefined>((resolve, reject) => {
      const collector = new AnswerCollector(this.#format, this.#options, {
        onAnswer: resolve,
        onFailed: reject,
      });
      this.#call.start(this.#options.request, collector);
      reply.raw.once('close', () => {
        this.#call.cancel();
        resolve(undefined);
      });
    });
    if (answer === undefined) reply.hijack();
    return answer;
  }

  /** Resolves when the response is closed, whoever closed it. */
  async stream(reply: FastifyReply): Promise<undefined> {
    const { raw } = reply;
    let stream: SseStream | null = null;
    const encoder = new StreamEncoder(this.#format, this.#options, {
      onWaiting: () => stream?.touch(),
      onFailed: (error) => failStream(stream, error, headersOf(reply)),
    });
    this.#call.start(this.#options.request, encoder);
    tellLimits(this.#call, reply);
    reply.hijack();
    stream = this.#server.streams.open(raw, {
      headers: { ...headersOf(reply), ...STREAM_HEADERS },
      source: encoder,
      onGone: () => this.#call.cancel(),
    });
    stream.touch();
    await closed(raw);
    return undefined;
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
