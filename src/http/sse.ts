/**
 * Server-sent events over many sockets. Frames are pulled, not pushed: a stream says that something
 * waits, and the frames are made when the socket can take them. So a reader that lags gets larger
 * frames instead of more of them, and no stream holds more than its limit.
 */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from './clock.ts';
import type { HttpMetrics } from './server-deps.ts';

/** Makes the frames of one stream. */
export type FrameSource = {
  /** Characters that wait to be framed, roughly. */
  readonly waitingLength: number;
  /** Frames of all that waits; '' when nothing does. */
  takeFrames(): string;
  /** True once the last frame was taken. */
  readonly ended: boolean;
};

export type SseLimits = {
  /** Characters that may wait while the socket takes nothing. */
  readonly waitingLengthMax: number;
  /** A comment is sent on a stream that was silent this long. */
  readonly pingMs: number;
  /** A stream whose socket took nothing for this long is cut off. */
  readonly slowReaderMs: number;
};

/** Bytes given to a socket at a time: progress is seen write by write. */
const WRITE_BYTES_MAX = 16 * 1024;
/** Streams served in one turn of the event loop, so that a burst does not hold up the rest. */
const STREAMS_PER_TURN = 256;
const SWEEP_MS = 1000;
const PING = ': ping\n\n';

/** Every open stream of the server: serves those that have something to say, watches the others. */
export class SseStreams {
  readonly #clock: Clock;
  readonly #limits: SseLimits;
  readonly #metrics: Pick<HttpMetrics, 'onSlowReader' | 'onStreamCount'>;
  readonly #open = new Set<SseStream>();
  #due: SseStream[] = [];
  #sweeper: Timer | null = null;

  constructor(parts: {
    readonly clock: Clock;
    readonly limits: SseLimits;
    readonly metrics: Pick<HttpMetrics, 'onSlowReader' | 'onStreamCount'>;
  }) {
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    this.#metrics = parts.metrics;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Takes over a response that nothing was written to; `onGone` hears of a lost or cut reader. */
  open(
    raw: ServerResponse,
    options: {
      readonly headers: Readonly<Record<string, string>>;
      readonly source: FrameSource;
      readonly onGone: () => void;
    },
  ): SseStream {
    const stream = new SseStream(raw, this, options);
    this.#open.add(stream);
    this.#metrics.onStreamCount(this.#open.size);
    this.#sweeper ??= this.#clock.every(SWEEP_MS, () => this.#sweep());
    return stream;
  }

  /** Called by a stream that has something to say, once until it was served. */
  enlist(stream: SseStream): void {
    this.#due.push(stream);
    if (this.#due.length === 1) this.#clock.defer(() => this.#serve());
  }

  now(): number {
    return this.#clock.now();
  }

  get limits(): SseLimits {
    return this.#limits;
  }

  /** Called by a stream whose response is closed. */
  forget(stream: SseStream): void {
    if (!this.#open.delete(stream)) return;
    this.#metrics.onStreamCount(this.#open.size);
    if (this.#open.size > 0) return;
    this.#sweeper?.cancel();
    this.#sweeper = null;
  }

  /** Called by a stream that cuts its reader off. */
  countSlowReader(): void {
    this.#metrics.onSlowReader();
  }

  #serve(): void {
    const streams = this.#due.splice(0, STREAMS_PER_TURN);
    if (this.#due.length > 0) this.#clock.defer(() => this.#serve());
    for (const stream of streams) stream.serve();
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const stream of this.#open) stream.watch(now);
  }
}

export class SseStream {
  readonly #raw: ServerResponse;
  readonly #streams: SseStreams;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #source: FrameSource;
  #enlisted = false;
  /** The socket asked to wait for its 'drain'. */
  #blocked = false;
  #closed = false;
  #opened = false;
  /** Framed bytes that the socket has not been given yet. */
  #unsent: Buffer | null = null;
  #lastWriteMs: number;
  #lastProgressMs: number;
  #lastQueuedLength = 0;

  constructor(
    raw: ServerResponse,
    streams: SseStreams,
    options: {
      readonly headers: Readonly<Record<string, string>>;
      readonly source: FrameSource;
      readonly onGone: () => void;
    },
  ) {
    this.#raw = raw;
    this.#streams = streams;
    this.#headers = options.headers;
    this.#source = options.source;
    this.#lastWriteMs = this.#lastProgressMs = streams.now();
    raw.on('drain', () => this.#onDrain());
    raw.on('error', () => raw.destroy());
    raw.once('close', () => {
      this.#closed = true;
      streams.forget(this);
      if (!raw.writableEnded) options.onGone();
    });
  }

  /** True once the status line went out: from then on a failure is an event, not a status. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Something waits in the source. Costs nothing when that is known already. */
  touch(): void {
    if (this.#enlisted || this.#closed) return;
    if (this.#blocked) {
      if (this.#source.waitingLength > this.#streams.limits.waitingLengthMax) this.#cutOff();
      return;
    }
    this.#enlisted = true;
    this.#streams.enlist(this);
  }

  /** Answers with a plain response instead; only while the stream is not opened. */
  refuse(status: number, headers: Readonly<Record<string, string>>, body: string): void {
    if (this.#closed) return;
    this.#opened = true;
    this.#raw.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
    this.#raw.end(body);
  }

  /** Sends what waits, as far as the socket takes it. */
  serve(): void {
    this.#enlisted = false;
    if (this.#raw.destroyed || this.#blocked || this.#raw.writableEnded) return;
    const frames = this.#source.takeFrames();
    if (frames !== '') this.#send(frames);
    if (this.#source.ended && !this.#blocked) this.#raw.end();
  }

  /** Pings a silent reader and cuts off one that takes nothing. */
  watch(now: number): void {
    const { pingMs, slowReaderMs } = this.#streams.limits;
    const queuedLength = this.#raw.writableLength;
    if (queuedLength < this.#lastQueuedLength || queuedLength === 0) this.#lastProgressMs = now;
    this.#lastQueuedLength = queuedLength;
    const canPing = !this.#blocked && !this.#raw.writableEnded;
    if (now - this.#lastProgressMs >= slowReaderMs) this.#cutOff();
    else if (canPing && now - this.#lastWriteMs >= pingMs) this.#send(PING);
  }

  #send(frames: string): void {
    this.#lastWriteMs = this.#streams.now();
    if (!this.#opened) {
      this.#opened = true;
      this.#raw.writeHead(200, this.#headers);
    }
    if (frames.length <= WRITE_BYTES_MAX) {
      this.#blocked = !this.#raw.write(frames);
    } else {
      this.#unsent = Buffer.from(frames);
      this.#sendUnsent();
    }
  }

  #sendUnsent(): void {
    while (this.#unsent !== null && !this.#blocked) {
      const piece = this.#unsent.subarray(0, WRITE_BYTES_MAX);
      const rest = this.#unsent.subarray(piece.length);
      this.#unsent = rest.length > 0 ? rest : null;
      this.#blocked = !this.#raw.write(piece);
    }
  }

  #onDrain(): void {
    this.#blocked = false;
    this.#lastProgressMs = this.#streams.now();
    this.#sendUnsent();
    if (!this.#blocked) this.serve();
  }

  #cutOff(): void {
    if (this.#raw.destroyed) return;
    this.#streams.countSlowReader();
    this.#raw.destroy();
  }
}
