/** Ends streamed text at the first stop string, wherever the tokens were cut. */
import { MarkerScanner } from './marker-scanner.ts';

export type StopMatch = {
  /** Text that can be shown now. */
  readonly text: string;
  /** The stop string that was found; nothing may follow. */
  readonly stop: string | null;
};

export class StopMatcher {
  readonly #scanner: MarkerScanner | null;

  /** @param stops non-empty strings */
  constructor(stops: readonly string[]) {
    this.#scanner = stops.length === 0 ? null : new MarkerScanner(stops);
  }

  push(text: string): StopMatch {
    if (this.#scanner === null || text === '') return { text, stop: null };
    let shown = '';
    for (const piece of this.#scanner.push(text)) {
      if ('marker' in piece) return { text: shown, stop: piece.marker };
      shown += piece.text;
    }
    return { text: shown, stop: null };
  }

  /** Length of the text that is held back because it may begin a stop string. */
  get heldLength(): number {
    return this.#scanner?.heldLength ?? 0;
  }

  /** The text still held back, once no more will come. */
  flush(): string {
    return this.#scanner?.flush() ?? '';
  }
}
