/**
 * The feed behind the live page. Watches the engine only while someone reads; one text a picture
 * for all readers. A reader that lags misses pictures: each says all there is, totals included.
 */
import type { EngineClient, LivePicture } from '../../engine/index.ts';
import { EtapError } from '../../errors.ts';
import type { FrameSource } from '../sse.ts';
import { liveFrame } from './live-frame.ts';

/** Readers at a time: the page is for a few people, dashboards read /metrics. */
export const LIVE_READERS_MAX = 16;

export class LiveReader implements FrameSource {
  /** Called when something waits. */
  onWaiting: () => void = () => {};
  #waiting = '';
  #ended = false;

  get waitingLength(): number {
    // What waits is replaced, never added to: no reader is too slow for this feed.
    return 0;
  }

  get ended(): boolean {
    return this.#ended && this.#waiting === '';
  }

  show(frame: string): void {
    this.#waiting = frame;
    this.onWaiting();
  }

  end(): void {
    this.#ended = true;
    this.onWaiting();
  }

  takeFrames(): string {
    const frame = this.#waiting;
    this.#waiting = '';
    return frame === '' ? '' : `data: ${frame}\n\n`;
  }
}

export class LiveFeed {
  readonly #engine: EngineClient;
  readonly #now: () => number;
  readonly #readers = new Set<LiveReader>();
  #latest: LivePicture | null = null;
  #unwatch: () => void = () => {};

  /** @param now milliseconds that only grow */
  constructor(engine: EngineClient, now: () => number) {
    this.#engine = engine;
    this.#now = now;
    engine.onStateChange(() => {
      if (this.#readers.size > 0) this.#show(null);
    });
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** Throws EtapError ETAP_ERR_QUEUE_FULL. */
  add(): LiveReader {
    if (this.#readers.size >= LIVE_READERS_MAX) {
      const message = `${this.#readers.size} readers follow the live feed, allowed are at most ${LIVE_READERS_MAX}; close one or retry later`;
      throw new EtapError('ETAP_ERR_QUEUE_FULL', message);
    }
    const reader = new LiveReader();
    this.#readers.add(reader);
    if (this.#readers.size === 1) {
      this.#latest = null;
      this.#unwatch = this.#engine.watch((picture) => this.#show(picture));
    }
    reader.show(liveFrame(this.#engine, this.#latest, this.#now()));
    return reader;
  }

  remove(reader: LiveReader): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.#unwatch();
  }

  /** Ends every stream: the server stops. */
  close(): void {
    for (const reader of this.#readers) reader.end();
  }

  #show(picture: LivePicture | null): void {
    this.#latest = picture;
    const frame = liveFrame(this.#engine, picture, this.#now());
    for (const reader of this.#readers) reader.show(frame);
  }
}
