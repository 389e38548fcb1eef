/**
 * OpenAI's WebSocket mode of the Responses API. A lane remembers its latest response, so that the
 * next one can go on from it without any store.
 */
import { EtapError } from '../../errors.ts';
import { errorBody } from '../error-body.ts';
import {
  type ResponseEncoder,
  ResponseRun,
  type ResponsesBody,
  type Turn,
} from '../responses/index.ts';
import type { ServerContext } from '../server-context.ts';
import type { ClientFrame } from './client-frame.ts';
import type { SocketSource, SocketStream } from './connection.ts';
import type { Lane } from './lanes.ts';
import type { SessionJob, SocketProtocol, SocketSession } from './session.ts';
import type { SocketCaller } from './socket-caller.ts';

/** What a lane remembers. */
type LaneMemory = { latest: Turn | null };
type Session = SocketSession<LaneMemory>;
type Validate = (body: unknown) => ResponsesBody;

type ProtocolParts = {
  readonly server: ServerContext;
  readonly caller: SocketCaller;
  readonly validate: Validate;
};

export function responsesProtocol(
  server: ServerContext,
  caller: SocketCaller,
  validate: Validate,
): SocketProtocol<LaneMemory> {
  const parts = { server, caller, validate };
  return {
    newState: () => ({ latest: null }),
    errorFrame,
    onFrame: (frame, streamId, session) => {
      switch (frame.type) {
        case 'response.create': {
          const lane = session.lanes.lane(streamId);
          session.push(lane, new ResponseJob(parts, { session, lane, frame }));
          break;
        }
        case 'response.cancel':
          cancel(frame, streamId, session);
          break;
        case 'response.steer':
          session.connection.send(JSON.stringify(steerFailed(frame, streamId)));
          break;
        default:
          throw new EtapError(
            'ETAP_ERR_INVALID_REQUEST',
            'type: allowed are "response.create", "response.cancel" and "response.steer"',
            'type',
          );
      }
    },
  };
}

/** `stream_id` is on every event of a request that named one, and on no other. */
const named = (streamId: string | null) => (streamId === null ? {} : { stream_id: streamId });

const errorFrame = (error: EtapError, streamId: string | null): object => ({
  type: 'error',
  status: error.status,
  ...errorBody(error),
  ...named(streamId),
});

/** Answers nothing: the response ends by itself, and one that has ended needs no cancelling. */
function cancel(frame: ClientFrame, streamId: string | null, session: Session): void {
  const { response_id: id } = frame;
  for (const lane of session.lanes.all()) {
    const job = session.running(lane);
    const isMeant = id === undefined ? lane.name === streamId : (job as ResponseJob)?.id === id;
    if (isMeant) job?.cancel();
  }
}

/** A response that is being made cannot take further input. */
const steerFailed = (
  { previous_response_id, input }: ClientFrame,
  streamId: string | null,
): object => ({
  type: 'response.steer.failed',
  sequence_number: 0,
  steer: { previous_response_id, input },
  error: {
    type: 'invalid_request_error',
    code: 'steering_not_supported',
    message: 'a response cannot be steered here; cancel it, or wait for it and create another one',
  },
  ...named(streamId),
});

class ResponseJob implements SessionJob {
  readonly #parts: ProtocolParts;
  readonly #session: Session;
  readonly #lane: Lane<LaneMemory>;
  readonly #frame: ClientFrame;
  /** Held from the start: the lane that remembers it may go on in the meantime. */
  readonly #parent: Turn | null;
  #run: ResponseRun | null = null;
  #stream: SocketStream | null = null;
  #cancelled = false;

  constructor(
    parts: ProtocolParts,
    asked: {
      readonly session: Session;
      readonly lane: Lane<LaneMemory>;
      readonly frame: ClientFrame;
    },
  ) {
    this.#parts = parts;
    this.#session = asked.session;
    this.#lane = asked.lane;
    this.#frame = asked.frame;
    this.#parent = this.#remembered();
  }

  /** Of the response; undefined until there is one. */
  get id(): string | undefined {
    return this.#run?.id;
  }

  async run(): Promise<void> {
    const { server, caller, validate } = this.#parts;
    try {
      const body = validate(this.#frame);
      const run = new ResponseRun({
        server,
        caller: caller.caller,
        // Neither means anything here; clients send them all the same.
        body: { ...body, stream: true, background: null },
        names: [],
        parent: body.previous_response_id == null ? null : (this.#parent ?? this.#remembered()),
        warmUp: this.#frame.generate === false,
        onWaiting: () => this.#stream?.touch(),
      });
      this.#run = run;
      if (this.#cancelled) run.cancel();
      await run.run((encoder) => this.#carry(encoder));
      this.#remember(run);
    } catch (error) {
      this.#forgetParent();
      this.#session.fail(error, this.#lane.name);
    } finally {
      caller.logRequest(this.#run?.call ?? null);
    }
  }

  cancel(): void {
    this.#cancelled = true;
    this.#run?.cancel();
  }

  async #carry(encoder: ResponseEncoder): Promise<void> {
    const source = new EventFrames(encoder, this.#lane.name);
    this.#stream = this.#session.connection.open(source);
    this.#stream.touch();
    await this.#stream.ended;
  }

  #remember(run: ResponseRun): void {
    const turn = run.turn();
    if (turn === null) this.#forgetParent();
    else this.#lane.state.latest = turn;
  }

  /** A continuation that failed takes its parent with it; a fork from another lane does not. */
  #forgetParent(): void {
    const { latest } = this.#lane.state;
    if (latest !== null && latest.id === this.#frame.previous_response_id) {
      this.#lane.state.latest = null;
    }
  }

  #remembered(): Turn | null {
    const { previous_response_id: id } = this.#frame;
    for (const { state } of this.#session.lanes.all()) {
      if (state.latest?.id === id) return state.latest;
    }
    return null;
  }
}

/** Events as frames. */
class EventFrames implements SocketSource {
  readonly #encoder: ResponseEncoder;
  /** In front of an event's fields. */
  readonly #start: string;
  ended = false;

  constructor(encoder: ResponseEncoder, streamId: string | null) {
    this.#encoder = encoder;
    this.#start = streamId === null ? '{' : `{"stream_id":${JSON.stringify(streamId)},`;
  }

  get waitingLength(): number {
    return this.#encoder.waitingLength;
  }

  takeFrames(): readonly string[] {
    const events = this.#encoder.takeEvents();
    this.ended = this.#encoder.ended;
    return events.map((event) => this.#start + event.slice(1));
  }
}
