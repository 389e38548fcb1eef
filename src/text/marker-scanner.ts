/**
 * Cuts streamed text at markers, also when a marker is split over tokens. Text that may be the
 * beginning of a marker is held back. What comes out does not depend on how the text was cut: the
 * marker that is complete first wins, of those that end together the longest.
 */

export type Piece = { readonly text: string } | { readonly marker: string };

export class MarkerScanner {
  readonly #markers: readonly string[];
  readonly #longest: number;
  /** Text without any of these characters is neither a marker nor the beginning of one. */
  readonly #firstCharacters: readonly string[];
  #held = '';

  /** @param markers non-empty strings */
  constructor(markers: readonly string[]) {
    this.#markers = markers;
    this.#longest = Math.max(0, ...markers.map((marker) => marker.length));
    this.#firstCharacters = [...new Set(markers.map((marker) => marker.slice(0, 1)))];
  }

  /** Text and markers that became certain, in order. */
  push(text: string): Piece[] {
    if (this.#held === '' && !this.#firstCharacters.some((first) => text.includes(first))) {
      return text === '' ? [] : [{ text }];
    }
    const pieces: Piece[] = [];
    let buffer = this.#held + text;
    for (let match = this.#first(buffer); match !== null; match = this.#first(buffer)) {
      if (match.start > 0) pieces.push({ text: buffer.slice(0, match.start) });
      pieces.push({ marker: match.marker });
      buffer = buffer.slice(match.start + match.marker.length);
    }
    const heldLength = this.#possibleStartLength(buffer);
    this.#held = buffer.slice(buffer.length - heldLength);
    const certain = buffer.slice(0, buffer.length - heldLength);
    if (certain !== '') pieces.push({ text: certain });
    return pieces;
  }

  get heldLength(): number {
    return this.#held.length;
  }

  /** The text still held back, once no more will come. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** The marker in `buffer` that is complete first. */
  #first(buffer: string): { start: number; marker: string } | null {
    let best: { start: number; marker: string } | null = null;
    let bestEnd = Number.POSITIVE_INFINITY;
    for (const marker of this.#markers) {
      const start = buffer.indexOf(marker);
      if (start < 0) continue;
      const end = start + marker.length;
      if (end < bestEnd || (end === bestEnd && best !== null && start < best.start)) {
        best = { start, marker };
        bestEnd = end;
      }
    }
    return best;
  }

  /** Length of the longest end of `buffer` that begins a marker. */
  #possibleStartLength(buffer: string): number {
    const from = Math.min(buffer.length, this.#longest - 1);
    for (let length = from; length > 0; length--) {
      const end = buffer.slice(buffer.length - length);
      if (this.#markers.some((marker) => marker.startsWith(end))) return length;
    }
    return 0;
  }
}
