/** One connection in conversation: reads frames, keeps the lanes, answers what is amiss. */
import type { FastifyBaseLogger } from 'fastify';
import { EtapError } from '../../errors.ts';
import { toEtapError } from '../error-body.ts';
import { type ClientFrame, parseClientFrame, streamIdOf } from './client-frame.ts';
import { CLOSE, type SocketConnection, type SocketHandler } from './connection.ts';
import { type Lane, Lanes } from './lanes.ts';

/** A request on a lane. */
export type SessionJob = {
  /** Resolves when the job is over; never rejects. */
  run(): Promise<void>;
  /** The connection is gone, or the client does not want the rest. */
  cancel(): void;
};

/** What is spoken: the session hands it each well-formed frame, and the words for errors. */
export type SocketProtocol<State> = {
  newState(): State;
  /** Throws EtapError, which the session sends. */
  onFrame(frame: ClientFrame, streamId: string | null, session: SocketSession<State>): void;
  errorFrame(error: EtapError, streamId: string | null): object;
};

export class SocketSession<State> implements SocketHandler {
  readonly connection: SocketConnection;
  readonly lanes: Lanes<State>;
  readonly #protocol: SocketProtocol<State>;
  readonly #log: FastifyBaseLogger;
  readonly #depthMax: number;
  /** Of the frame that is being read. */
  #frameBytes = 0;
  readonly #running = new Map<Lane<State>, SessionJob>();

  constructor(
    connection: SocketConnection,
    protocol: SocketProtocol<State>,
    options: { readonly log: FastifyBaseLogger; readonly depthMax: number },
  ) {
    this.connection = connection;
    this.lanes = new Lanes(
      () => protocol.newState(),
      () => connection.onIdle(),
    );
    this.#protocol = protocol;
    this.#log = options.log;
    this.#depthMax = options.depthMax;
  }

  get isIdle(): boolean {
    return this.lanes.isIdle;
  }

  get laneCount(): number {
    return this.lanes.count;
  }

  onMessage(body: Buffer, isBinary: boolean): void {
    let streamId: string | null = null;
    try {
      this.#frameBytes = body.length;
      const frame = parseClientFrame(body, isBinary, this.#depthMax);
      streamId = streamIdOf(frame);
      this.#protocol.onFrame(frame, streamId, this);
    } catch (error) {
      this.fail(error, streamId);
    }
  }

  onClose(): void {
    this.lanes.close();
    for (const job of this.#running.values()) job.cancel();
  }

  onAgeLimit(): void {
    const error = new EtapError(
      'ETAP_ERR_CONNECTION_AGE',
      'this connection has reached its age limit; open another one',
    );
    this.fail(error, null);
  }

  /** Runs the job when its lane comes to it. Throws EtapError ETAP_ERR_QUEUE_FULL. */
  push(lane: Lane<State>, job: SessionJob): void {
    this.lanes.push(lane, {
      bytes: this.#frameBytes,
      run: async () => {
        this.#running.set(lane, job);
        await job.run();
        this.#running.delete(lane);
      },
    });
  }

  /** The job in flight on that lane. */
  running(lane: Lane<State>): SessionJob | undefined {
    return this.#running.get(lane);
  }

  /** Sends an error; what we did not foresee is logged and ends the connection. */
  fail(error: unknown, streamId: string | null): void {
    const coded = toEtapError(error);
    this.connection.send(JSON.stringify(this.#protocol.errorFrame(coded, streamId)));
    if (error instanceof EtapError) return;
    this.#log.error({ err: error }, 'a socket frame failed');
    this.connection.close(CLOSE.internal, 'internal error');
  }
}
