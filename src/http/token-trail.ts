/** The tokens behind a text: where in it each begins, and which of them the shown text covers. */
import type { TokenLogprobs } from '../engine/index.ts';
import type { Tokenizer } from '../text/index.ts';
import { CharacterCounter, characterCount } from './character-counter.ts';

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
  #waiting: TextToken[] = [];
  #shownCount = 0;

  constructor(tokenizer: Tokenizer, options: { readonly skipSpecial: boolean }) {
    this.#tokenizer = tokenizer;
    this.#skipSpecial = options.skipSpecial;
  }

  add(id: number, logprobs: TokenLogprobs | null): void {
    this.#waiting.push({ id, offset: this.#advance(id), logprobs });
  }

  /** Tokens that begin within the text once `text` is shown too. */
  show(text: string): readonly TextToken[] {
    this.#shownCount += characterCount(text);
    const hidden = this.#waiting.findIndex((token) => token.offset >= this.#shownCount);
    return this.#take(hidden < 0 ? this.#waiting.length : hidden);
  }

  /** All others, once the text is complete and nothing of it was cut off. */
  rest(): readonly TextToken[] {
    return this.#take(this.#waiting.length);
  }

  #take(count: number): readonly TextToken[] {
    if (count === 0) return [];
    const taken = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return taken;
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
