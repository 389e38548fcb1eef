/**
 * One socket: hands frames to it as fast as its reader takes them. As with server-sent events, frames
 * are pulled: a stream says that something waits, and its frames are made when the socket has room, so
 * that a reader that lags gets larger deltas instead of more of them. A reader that takes nothing is
 * cut off, and so is a peer that vanished without a word.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { SocketConnections } from './connections.ts';

/** Makes the frames of one answer. */
export type SocketSource = {
  /** Characters that wait to be framed, roughly. */
  readonly waitingLength: number;
  /** Text frames of all that waits. */
  takeFrames(): readonly string[];
  /** True once the last frame was taken. */
  readonly ended: boolean;
};

/** What is spoken over the socket; nothing here throws or rejects. */
export type SocketHandler = {
  onMessage(body: Buffer, isBinary: boolean): void;
  /** The socket is gone: what it asked for is not wanted any more. */
  onClose(): void;
  /** The connection has reached its age: it is closed right after. */
  onAgeLimit(): void;
  /** Nothing is in flight, nothing waits. */
  readonly isIdle: boolean;
  readonly laneCount: number;
};

/** Codes of RFC 6455 and its registry. Clients of OpenAI connect again after 1001, 1011, 1012, 1013. */
export const CLOSE = {
  goingAway: 1001,
  internal: 1011,
  restart: 1012,
} as const;

/** Bytes in front of the socket above which no further frames are made. */
const BUFFERED_HIGH = 64 * 1024;

export class SocketConnection {
  readonly #socket: WebSocket;
  readonly #transport: Socket;
  readonly #connections: SocketConnections;
  readonly #streams = new Set<SocketStream>();
  readonly #openedMs: number;
  #handler: SocketHandler | null = null;
  #due: SocketStream[] = [];
  #enlisted = false;
  /** Frames are held back until the socket has written what it has. */
  #blocked = false;
  #closed = false;
  #lastHeardMs: number;
  #lastPingMs: number;
  #lastProgressMs: number;
  #lastBuffered = 0;

  /** @param transport the TCP connection under the socket */
  constructor(socket: WebSocket, transport: Socket, connections: SocketConnections) {
    this.#socket = socket;
    this.#transport = transport;
    this.#connections = connections;
    this.#openedMs = connections.now();
    this.#lastHeardMs = this.#lastPingMs = this.#lastProgressMs = this.#openedMs;
    socket.on('message', (data, isBinary) => {
      this.#lastHeardMs = connections.now();
      this.#handler?.onMessage(data as Buffer, isBinary);
    });
    socket.on('ping', () => this.#onPing());
    socket.on('pong', () => {
      this.#lastHeardMs = connections.now();
    });
    socket.on('close', () => this.#onClose());
  }

  /** To be called in the turn in which the connection was made: no message may come before. */
  serveWith(handler: SocketHandler): void {
    this.#handler = handler;
  }

  get isIdle(): boolean {
    return this.#handler?.isIdle ?? true;
  }

  get laneCount(): number {
    return this.#closed ? 0 : (this.#handler?.laneCount ?? 0);
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends one frame at once; for what answers a frame, never for what a model generates. */
  send(frame: string): void {
    if (this.#closed || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(frame, this.#unblock);
    if (this.#socket.bufferedAmount > this.#connections.limits.bufferBytes) this.#cutOff();
  }

  /** Sends what the source has, whenever the stream is touched, until its end or the socket's. */
  open(source: SocketSource): SocketStream {
    const stream = new SocketStream(source, this);
    if (this.#closed) stream.end();
    else this.#streams.add(stream);
    return stream;
  }

  /** Called by a stream that has something to say, once until it was served. */
  enlist(stream: SocketStream): void {
    this.#due.push(stream);
    if (this.#blocked) this.#checkCap();
    else this.#enlist();
  }

  /** Something more waits in a stream that is enlisted already. */
  checkWaiting(): void {
    if (this.#blocked) this.#checkCap();
  }

  /** Sends what waits, as far as the socket takes it. */
  serve(): void {
    this.#enlisted = false;
    if (this.#closed || this.#blocked) return;
    this.#transport.cork();
    for (let served = 0; served < this.#due.length; served++) {
      const stream = this.#due[served];
      if (stream !== undefined) this.#serveStream(stream);
      if (this.#blocked) {
        this.#due = this.#due.slice(served + 1);
        this.#transport.uncork();
        return;
      }
    }
    this.#due = [];
    this.#transport.uncork();
  }

  /** Pings a silent peer; cuts off one that answers nothing or takes nothing; ends one that is old. */
  watch(now: number): void {
    const { pingMs, slowReaderMs, ageMs } = this.#connections.limits;
    const buffered = this.#socket.bufferedAmount;
    if (buffered < this.#lastBuffered || buffered === 0) this.#lastProgressMs = now;
    this.#lastBuffered = buffered;
    if (now - this.#lastProgressMs >= slowReaderMs) this.#cutOff();
    else if (now - this.#lastHeardMs >= 2 * pingMs) this.#socket.terminate();
    else if (now - this.#openedMs >= ageMs) this.#reachAge();
    else if (now - Math.max(this.#lastHeardMs, this.#lastPingMs) >= pingMs) {
      this.#lastPingMs = now;
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
    }
  }

  /** Says goodbye; the peer has a while to answer it. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  /** Called by the handler when it may have become idle. */
  onIdle(): void {
    if (this.#connections.draining && this.isIdle) {
      this.close(CLOSE.restart, 'the server is shutting down');
    }
  }

  #serveStream(stream: SocketStream): void {
    const frames = stream.take();
    for (const frame of frames) this.#socket.send(frame, this.#unblock);
    if (this.#socket.bufferedAmount > BUFFERED_HIGH) this.#blocked = true;
    if (stream.source.ended) {
      this.#streams.delete(stream);
      stream.end();
    }
  }

  /** Called for each frame once it is written. */
  readonly #unblock = (): void => {
    if (!this.#blocked || this.#socket.bufferedAmount > BUFFERED_HIGH) return;
    this.#blocked = false;
    if (this.#due.length > 0) this.#enlist();
  };

  #enlist(): void {
    if (this.#enlisted || this.#closed) return;
    this.#enlisted = true;
    this.#connections.enlist(this);
  }

  #onPing(): void {
    this.#lastHeardMs = this.#connections.now();
    // Answers of pings that are never read pile up like anything else.
    if (this.#socket.bufferedAmount > this.#connections.limits.bufferBytes) this.#cutOff();
  }

  #checkCap(): void {
    let waiting = this.#socket.bufferedAmount;
    for (const { source } of this.#streams) waiting += source.waitingLength;
    if (waiting > this.#connections.limits.bufferBytes) this.#cutOff();
  }

  #cutOff(): void {
    if (this.#closed) return;
    this.#connections.countSlowReader();
    this.#socket.terminate();
  }

  #reachAge(): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#handler?.onAgeLimit();
    this.close(CLOSE.goingAway, 'the connection has reached its age limit');
  }

  #onClose(): void {
    this.#closed = true;
    this.#due = [];
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
    this.#handler?.onClose();
    this.#connections.forget(this);
  }
}

/** One answer on its way to a socket. */
export class SocketStream {
  readonly source: SocketSource;
  /** Resolves when the last frame went to the socket, or the socket is gone. */
  readonly ended: Promise<void>;
  readonly #connection: SocketConnection;
  #enlisted = false;
  end: () => void = () => {};

  constructor(source: SocketSource, connection: SocketConnection) {
    this.source = source;
    this.#connection = connection;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /** Something waits in the source. Costs nothing when that is known already. */
  touch(): void {
    if (this.#enlisted) {
      this.#connection.checkWaiting();
      return;
    }
    this.#enlisted = true;
    this.#connection.enlist(this);
  }

  take(): readonly string[] {
    this.#enlisted = false;
    return this.source.takeFrames();
  }
}
