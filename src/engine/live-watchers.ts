/** Those who watch the engine: it draws pictures only while there is one. */
import type { LivePicture, ParentMessage } from './messages.ts';

export type LiveListener = (picture: LivePicture) => void;

export class LiveWatchers {
  readonly #listeners = new Set<LiveListener>();
  readonly #send: (message: ParentMessage) => void;

  constructor(send: (message: ParentMessage) => void) {
    this.#send = send;
  }

  /** Returns the way to stop. */
  add(listener: LiveListener): () => void {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#send({ kind: 'watch', on: true });
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      this.#send({ kind: 'watch', on: false });
    };
  }

  /** Tells a new engine process, which knows nothing of them. */
  resume(): void {
    if (this.#listeners.size > 0) this.#send({ kind: 'watch', on: true });
  }

  show(picture: LivePicture): void {
    for (const listener of this.#listeners) listener(picture);
  }
}
