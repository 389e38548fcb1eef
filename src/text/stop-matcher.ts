/**
 * Finds stop strings in streamed text, also across token borders. Text that may be the beginning
 * of a stop string is held back. The result does not depend on how the text was cut: the stop string
 * that is complete first wins, of those that end together the longest.
 */

export type StopMatch = {
  /** Text that can be shown now. */
  readonly text: string;
  /** The stop string that was found; nothing may follow. */
  readonly stop: string | null;
};

export class StopMatcher {
  readonly #stops: readonly string[];
  readonly #longest: number;
  #held = '';

  /** @param stops non-empty strings */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
    this.#longest = Math.max(0, ...stops.map((stop) => stop.length));
  }

  push(text: string): StopMatch {
    if (this.#longest === 0) return { text, stop: null };
    if (text === '') return NOTHING;
    const buffer = this.#held + text;
    const match = this.#firstComplete(buffer);
    if (match !== null) {
      this.#held = '';
      return { text: buffer.slice(0, match.start), stop: match.stop };
    }
    const heldLength = this.#possibleStartLength(buffer);
    this.#held = buffer.slice(buffer.length - heldLength);
    return { text: buffer.slice(0, buffer.length - heldLength), stop: null };
  }

  /** The text still held back, once no more will come. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  #firstComplete(buffer: string): { start: number; stop: string } | null {
    let best: { start: number; stop: string } | null = null;
    let bestEnd = Number.POSITIVE_INFINITY;
    for (const stop of this.#stops) {
      const start = buffer.indexOf(stop);
      if (start < 0) continue;
      const end = start + stop.length;
      if (end < bestEnd || (end === bestEnd && best !== null && start < best.start)) {
        best = { start, stop };
        bestEnd = end;
      }
    }
    return best;
  }

  /** Length of the longest end of `buffer` that begins a stop string. */
  #possibleStartLength(buffer: string): number {
    const from = Math.min(buffer.length, this.#longest - 1);
    for (let length = from; length > 0; length--) {
      const end = buffer.slice(buffer.length - length);
      if (this.#stops.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }
}

const NOTHING: StopMatch = { text: '', stop: null };
