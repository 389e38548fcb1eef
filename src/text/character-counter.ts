/**
 * Counts the characters of bytes that come one by one, exactly as a UTF-8 decoder that replaces
 * invalid bytes does (Unicode, "maximal subparts"): each replacement counts as one character.
 */
export class CharacterCounter {
  /** Characters begun so far. */
  count = 0;
  #continuationsLeft = 0;
  #lowest = 0x80;
  #highest = 0xbf;

  /** Index of the character that the byte belongs to. */
  push(byte: number): number {
    if (this.#continuationsLeft > 0) {
      const fits = byte >= this.#lowest && byte <= this.#highest;
      this.#continuationsLeft = fits ? this.#continuationsLeft - 1 : 0;
      this.#lowest = 0x80;
      this.#highest = 0xbf;
      if (fits) return this.count - 1;
    }
    this.#begin(byte);
    return this.count++;
  }

  /** Sets what may follow a first byte: some leave out overlong forms, surrogates and the beyond. */
  #begin(byte: number): void {
    if (byte >= 0xc2 && byte <= 0xdf) this.#continuationsLeft = 1;
    else if (byte >= 0xe0 && byte <= 0xef) this.#continuationsLeft = 2;
    else if (byte >= 0xf0 && byte <= 0xf4) this.#continuationsLeft = 3;
    if (byte === 0xe0) this.#lowest = 0xa0;
    else if (byte === 0xed) this.#highest = 0x9f;
    else if (byte === 0xf0) this.#lowest = 0x90;
    else if (byte === 0xf4) this.#highest = 0x8f;
  }
}

/** Characters (code points) of a text. */
export function characterCount(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // The second half of a surrogate pair is no character of its own.
    if (unit < 0xdc00 || unit > 0xdfff) count++;
  }
  return count;
}
