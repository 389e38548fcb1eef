/**
 * The lanes of one connection. Jobs of one lane run one after the other in the order in which they
 * came; lanes run side by side, up to a number of jobs in flight. Where more are ready than may run,
 * the job that came first starts first. What a lane remembers between its jobs is its `state`.
 */
import { EtapError } from '../../errors.ts';

/** Jobs in flight at a time, over all lanes of a connection. */
export const JOBS_IN_FLIGHT_MAX = 16;
/** Distinct names that one connection may use; the lane without a name is not counted. */
export const NAMED_LANES_MAX = 32;
/** Jobs that may wait on one connection, and the bytes of their frames together. */
export const JOBS_WAITING_MAX = 256;
export const WAITING_BYTES_MAX = 32 * 1024 * 1024;

export type Lane<State> = {
  /** Null: the lane of jobs that name none. */
  readonly name: string | null;
  state: State;
};

export type LaneJob = {
  /** Of the frame that asks for it. */
  readonly bytes: number;
  /** Resolves when the job is over; never rejects. */
  run(): Promise<void>;
};

type Waiting<State> = { readonly lane: Lane<State>; readonly job: LaneJob };

export class Lanes<State> {
  readonly #newState: () => State;
  readonly #onFree: () => void;
  readonly #lanes = new Map<string | null, Lane<State>>();
  readonly #busy = new Set<Lane<State>>();
  #waiting: Waiting<State>[] = [];
  #waitingBytes = 0;

  /** @param onFree hears that a job is over, once its lane has gone on */
  constructor(newState: () => State, onFree: () => void) {
    this.#newState = newState;
    this.#onFree = onFree;
  }

  get count(): number {
    return this.#lanes.size;
  }

  get isIdle(): boolean {
    return this.#busy.size === 0 && this.#waiting.length === 0;
  }

  /** Lanes that were used so far. */
  all(): Iterable<Lane<State>> {
    return this.#lanes.values();
  }

  /** The lane of that name, made when it is new. Throws EtapError ETAP_ERR_STREAM_LIMIT. */
  lane(name: string | null): Lane<State> {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const namedCount = this.#lanes.size - (this.#lanes.has(null) ? 1 : 0);
    if (name !== null && namedCount >= NAMED_LANES_MAX) {
      throw new EtapError(
        'ETAP_ERR_STREAM_LIMIT',
        `stream_id: this connection uses ${namedCount} names, allowed are at most ` +
          `${NAMED_LANES_MAX}; use one of them again, or another connection`,
        'stream_id',
      );
    }
    const lane = { name, state: this.#newState() };
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Runs the job when it is its turn. Throws EtapError ETAP_ERR_QUEUE_FULL. */
  push(lane: Lane<State>, job: LaneJob): void {
    if (this.#waiting.length >= JOBS_WAITING_MAX) {
      throw new EtapError(
        'ETAP_ERR_QUEUE_FULL',
        `${this.#waiting.length} requests wait on this connection, allowed are at most ` +
          `${JOBS_WAITING_MAX}; wait for answers before sending more`,
      );
    }
    if (this.#waiting.length > 0 && this.#waitingBytes + job.bytes > WAITING_BYTES_MAX) {
      throw new EtapError(
        'ETAP_ERR_QUEUE_FULL',
        `the requests that wait on this connection have ${this.#waitingBytes} bytes, allowed are ` +
          `at most ${WAITING_BYTES_MAX}; wait for answers before sending more`,
      );
    }
    this.#waiting.push({ lane, job });
    this.#waitingBytes += job.bytes;
    this.#pump();
  }

  /** Forgets what waits; jobs in flight are their owner's to end. */
  close(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#lanes.clear();
  }

  #pump(): void {
    while (this.#busy.size < JOBS_IN_FLIGHT_MAX) {
      const index = this.#waiting.findIndex(({ lane }) => !this.#busy.has(lane));
      const next = this.#waiting[index];
      if (next === undefined) return;
      this.#waiting.splice(index, 1);
      this.#waitingBytes -= next.job.bytes;
      this.#busy.add(next.lane);
      void next.job.run().then(() => {
        this.#busy.delete(next.lane);
        this.#pump();
        this.#onFree();
      });
    }
  }
}
