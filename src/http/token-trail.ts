/** The tokens behind a text: where in it each stands, and which of them a part of it covers. */
import type { TokenLogprobs } from '../engine/index.ts';
import { CharacterCounter, characterCount, type Tokenizer } from '../text/index.ts';

/** One token of an answer, for clients that asked for tokens. */
export type TextToken = {
  readonly id: number;
  /** Characters (code points) of the completion in front of the one that the token begins. */
  readonly offset: number;
  readonly logprobs: TokenLogprobs | null;
};

export class TokenTrail {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecial: boolean;
  readonly #counter = new CharacterCounter();
  /** Tokens that no part has covered, each with the number of characters up to its end. */
  #waiting: { readonly token: TextToken; readonly end: number }[] = [];

  constructor(tokenizer: Tokenizer, options: { readonly skipSpecial: boolean }) {
    this.#tokenizer = tokenizer;
    this.#skipSpecial = options.skipSpecial;
  }

  add(id: number, logprobs: TokenLogprobs | null): void {
    const offset = this.#advance(id);
    this.#waiting.push({ token: { id, offset, logprobs }, end: this.#counter.count });
  }

  /**
   * Tokens with a character in `text`, which stands behind `start` characters; a token is given
   * once. Those in front of it belong to no part, and are dropped.
   */
  cover(start: number, text: string): readonly TextToken[] {
    const end = start + characterCount(text);
    const first = this.#waiting.findIndex((waiting) => reaches(waiting, start));
    if (first < 0) return [];
    const beyond = this.#waiting.findIndex(({ token }) => token.offset >= end);
    const last = beyond < 0 ? this.#waiting.length : beyond;
    const covered = this.#waiting.slice(first, last);
    this.#waiting = this.#waiting.slice(Math.max(first, last));
    return covered.map(({ token }) => token);
  }

  /** All others, once the text is complete and nothing of it was cut off. */
  rest(): readonly TextToken[] {
    const rest = this.#waiting;
    this.#waiting = [];
    return rest.map(({ token }) => token);
  }

  /** Offset of the token's first character. */
  #advance(id: number): number {
    let offset = this.#counter.count;
    if (this.#skipSpecial && this.#tokenizer.isSpecial(id)) return offset;
    this.#tokenizer.tokenBytes(id).forEach((byte, index) => {
      const character = this.#counter.push(byte);
      if (index === 0) offset = character;
    });
    return offset;
  }
}

/** The token has a character at or behind `start`, or stands there without any. */
const reaches = ({ token, end }: { token: TextToken; end: number }, start: number): boolean =>
  end > start || token.offset >= start;
