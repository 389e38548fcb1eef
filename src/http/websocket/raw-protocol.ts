/**
 * The sockets of /v1/completions and /v1/chat/completions: each message is the body of a request, each
 * frame of the answer is the JSON of a server-sent event. A protocol of our own.
 */
import { EtapError } from '../../errors.ts';
import { errorBody } from '../error-body.ts';
import { GenerationCall } from '../generation-call.ts';
import type { GenerationRequest } from '../generation-request.ts';
import {
  type AnswerBody,
  answerOptions,
  type RequestContext,
  StreamEncoder,
  type WireFormat,
} from '../openai/index.ts';
import type { ServerContext } from '../server-context.ts';
import type { ClientFrame } from './client-frame.ts';
import type { SocketSource, SocketStream } from './connection.ts';
import type { SessionJob, SocketProtocol, SocketSession } from './session.ts';
import type { SocketCaller } from './socket-caller.ts';

/** What the two routes do differently. */
export type RawRoute<Body extends AnswerBody> = {
  readonly format: WireFormat;
  /** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
  readonly validate: (body: unknown) => Body;
  readonly toRequest: (body: Body, context: RequestContext) => Promise<GenerationRequest>;
};

/** Nothing is remembered between the requests of a lane. */
type RawSession = SocketSession<null>;

export function rawProtocol<Body extends AnswerBody>(
  server: ServerContext,
  caller: SocketCaller,
  route: RawRoute<Body>,
): SocketProtocol<null> {
  return {
    newState: () => null,
    errorFrame: (error, streamId) => ({ ...errorBody(error), ...named(streamId) }),
    onFrame: (frame, streamId, session) => {
      if (frame.type === 'cancel') {
        session.running(session.lanes.lane(streamId))?.cancel();
      } else if (frame.type === undefined) {
        const job = new RawJob({ server, caller, route, session }, frame, streamId);
        session.push(session.lanes.lane(streamId), job);
      } else {
        throw new EtapError(
          'ETAP_ERR_INVALID_REQUEST',
          'type: allowed is "cancel"; a request has no type',
          'type',
        );
      }
    },
  };
}

/** `stream_id` is on every frame of a request that named one, and on no other. */
const named = (streamId: string | null) => (streamId === null ? {} : { stream_id: streamId });

class RawJob<Body extends AnswerBody> implements SessionJob {
  readonly #server: ServerContext;
  readonly #caller: SocketCaller;
  readonly #route: RawRoute<Body>;
  readonly #session: RawSession;
  readonly #frame: ClientFrame;
  readonly #streamId: string | null;
  #call: GenerationCall | null = null;
  #source: RawSource | null = null;
  #stream: SocketStream | null = null;
  #cancelled = false;

  constructor(
    parts: {
      readonly server: ServerContext;
      readonly caller: SocketCaller;
      readonly route: RawRoute<Body>;
      readonly session: RawSession;
    },
    frame: ClientFrame,
    streamId: string | null,
  ) {
    this.#server = parts.server;
    this.#caller = parts.caller;
    this.#route = parts.route;
    this.#session = parts.session;
    this.#frame = frame;
    this.#streamId = streamId;
  }

  async run(): Promise<void> {
    try {
      // The answer is a stream whatever the body says: fields that go with streams may be set.
      const body = this.#route.validate({ ...this.#frame, stream: true });
      const call = new GenerationCall(this.#server, {
        idPrefix: this.#route.format.idPrefix,
        caller: this.#caller.caller,
        names: [body.request_id, body.rid],
      });
      this.#call = call;
      await call.run(
        (context) => this.#route.toRequest(body, context),
        (request) => this.#answer(call, body, request),
      );
    } catch (error) {
      this.#session.fail(error, this.#streamId);
    } finally {
      this.#caller.logRequest(this.#call);
    }
  }

  cancel(): void {
    this.#cancelled = true;
    this.#call?.cancel();
    this.#source?.cancel();
    this.#stream?.touch();
  }

  async #answer(call: GenerationCall, body: Body, request: GenerationRequest): Promise<void> {
    const { tokenizer } = this.#server.deps.text;
    const options = answerOptions({ head: call.head(), request, tokenizer }, body);
    const touch = () => this.#stream?.touch();
    const encoder = new StreamEncoder(this.#route.format, options, {
      onWaiting: touch,
      onFailed: touch,
    });
    this.#source = new RawSource(encoder, this.#streamId);
    // The client may have lost interest while its prompt was tokenized.
    if (this.#cancelled) this.#source.cancel();
    else call.start(request, encoder);
    this.#stream = this.#session.connection.open(this.#source);
    this.#stream.touch();
    await this.#stream.ended;
  }
}

const EVENT_END = '\n\n';
const DATA = 'data: ';
const DONE = '[DONE]';
const ERROR = '{"error":';

/** Server-sent events as frames; the last is `done`, or the error. */
class RawSource implements SocketSource {
  readonly #encoder: StreamEncoder;
  readonly #streamId: string | null;
  /** In front of the fields of an event. */
  readonly #start: string;
  #cancelled = false;
  #failed = false;
  ended = false;

  constructor(encoder: StreamEncoder, streamId: string | null) {
    this.#encoder = encoder;
    this.#streamId = streamId;
    this.#start = streamId === null ? '{' : `{"stream_id":${JSON.stringify(streamId)},`;
  }

  get waitingLength(): number {
    return this.#encoder.waitingLength;
  }

  cancel(): void {
    this.#cancelled = true;
  }

  takeFrames(): readonly string[] {
    if (this.ended) return [];
    if (this.#cancelled) return [this.#done({ cancelled: true })];
    const frames: string[] = [];
    for (const event of this.#encoder.takeFrames().split(EVENT_END)) {
      if (event === '') continue;
      const data = event.slice(DATA.length);
      if (data !== DONE) frames.push(this.#frame(data));
      else if (!this.#failed) frames.push(this.#done({}));
    }
    this.ended = this.#encoder.ended;
    return frames;
  }

  #frame(json: string): string {
    if (json.startsWith(ERROR)) this.#failed = true;
    return this.#start + json.slice(1);
  }

  #done(fields: object): string {
    this.ended = true;
    return JSON.stringify({ type: 'done', ...fields, ...named(this.#streamId) });
  }
}
