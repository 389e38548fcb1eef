/** Every open socket of the server: serves those that have something to say, watches the others. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { EtapError } from '../../errors.ts';
import type { Clock, Timer } from '../clock.ts';
import type { HttpMetrics } from '../server-deps.ts';
import { CLOSE, SocketConnection } from './connection.ts';

export type SocketLimits = {
  readonly connectionsMax: number;
  /** Bytes that may wait for one reader that takes nothing. */
  readonly bufferBytes: number;
  /** A ping is sent to a peer that was silent this long; twice as long, and it is cut off. */
  readonly pingMs: number;
  /** A socket that took nothing of what waits for this long is cut off. */
  readonly slowReaderMs: number;
  /** Age at which a connection is closed. */
  readonly ageMs: number;
};

type SocketMetrics = Pick<HttpMetrics, 'onSlowReader' | 'onSockets'>;

/** Connections served in one turn of the event loop, so that a burst does not hold up the rest. */
const CONNECTIONS_PER_TURN = 256;
const SWEEP_MS = 1000;
/** After its goodbye a peer has this long to answer it. */
const GOODBYE_MS = 2000;

export class SocketConnections {
  readonly limits: SocketLimits;
  readonly #clock: Clock;
  readonly #metrics: SocketMetrics;
  readonly #open = new Set<SocketConnection>();
  #due: SocketConnection[] = [];
  #sweeper: Timer | null = null;
  #draining = false;

  constructor(parts: {
    readonly clock: Clock;
    readonly limits: SocketLimits;
    readonly metrics: SocketMetrics;
  }) {
    this.#clock = parts.clock;
    this.limits = parts.limits;
    this.#metrics = parts.metrics;
  }

  get count(): number {
    return this.#open.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  now(): number {
    return this.#clock.now();
  }

  /** Throws EtapError ETAP_ERR_QUEUE_FULL, ETAP_ERR_SHUTTING_DOWN. */
  checkRoom(): void {
    if (this.#draining) {
      throw new EtapError('ETAP_ERR_SHUTTING_DOWN', 'the server is shutting down');
    }
    if (this.#open.size < this.limits.connectionsMax) return;
    throw new EtapError(
      'ETAP_ERR_QUEUE_FULL',
      `${this.#open.size} sockets are open, allowed are at most ${this.limits.connectionsMax}; ` +
        'retry later, or use fewer sockets with several streams each',
    );
  }

  add(socket: WebSocket, transport: Socket): SocketConnection {
    const connection = new SocketConnection(socket, transport, this);
    this.#open.add(connection);
    this.#sweeper ??= this.#clock.every(SWEEP_MS, () => this.#sweep());
    this.#tellMetrics();
    return connection;
  }

  /** Called by a connection that is closed. */
  forget(connection: SocketConnection): void {
    if (!this.#open.delete(connection)) return;
    this.#tellMetrics();
    if (this.#open.size > 0) return;
    this.#sweeper?.cancel();
    this.#sweeper = null;
  }

  /** Called by a connection that has something to say, once until it was served. */
  enlist(connection: SocketConnection): void {
    this.#due.push(connection);
    if (this.#due.length === 1) this.#clock.defer(() => this.#serve());
  }

  /** Called by a connection that cuts its reader off. */
  countSlowReader(): void {
    this.#metrics.onSlowReader();
  }

  /** From now on a connection is closed as soon as nothing is in flight on it. */
  drain(): void {
    this.#draining = true;
    for (const connection of this.#open) connection.onIdle();
  }

  /** Resolves when every connection is closed, whether or not its peer said goodbye. */
  async closeAll(): Promise<void> {
    this.#draining = true;
    for (const connection of this.#open) connection.close(CLOSE.restart, 'the server is closing');
    const deadlineMs = performance.now() + GOODBYE_MS;
    while (this.#open.size > 0 && performance.now() < deadlineMs) await pause();
    for (const connection of this.#open) connection.terminate();
  }

  #serve(): void {
    const connections = this.#due.splice(0, CONNECTIONS_PER_TURN);
    if (this.#due.length > 0) this.#clock.defer(() => this.#serve());
    for (const connection of connections) connection.serve();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const connection of this.#open) connection.watch(now);
    this.#tellMetrics();
  }

  #tellMetrics(): void {
    let lanes = 0;
    let bufferedBytes = 0;
    for (const connection of this.#open) {
      lanes += connection.laneCount;
      bufferedBytes += connection.bufferedBytes;
    }
    this.#metrics.onSockets({ connections: this.#open.size, lanes, bufferedBytes });
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));
