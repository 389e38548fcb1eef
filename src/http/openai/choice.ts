/** What one choice of an answer has come to: the state between the generation and its wire format. */
import type { TokenLogprobs } from '../../engine/index.ts';
import type { SequenceOutcome, TokenDetail } from '../sequence-text.ts';
import type { TextToken } from '../token-trail.ts';

/** A part of a choice's text, with its tokens where the client asked for tokens. */
export type TextPart = {
  readonly text: string;
  readonly tokens: readonly TextToken[];
  readonly ids: readonly number[];
};

export type ShownTokens = { readonly showLogprobs: boolean; readonly showTokenIds: boolean };

/** Gathers text and tokens until they are taken: at once for a stream, at the end otherwise. */
export class Choice {
  readonly index: number;
  #text = '';
  #tokens: TextToken[] = [];
  #ids: number[] = [];
  promptLogprobs: readonly TokenLogprobs[] = [];
  outcome: SequenceOutcome | null = null;

  readonly #keep: ShownTokens;

  constructor(index: number, keep: ShownTokens) {
    this.index = index;
    this.#keep = keep;
  }

  add(text: string, detail: TokenDetail | null): void {
    this.#text += text;
    if (detail === null) return;
    if (this.#keep.showLogprobs) for (const token of detail.tokens) this.#tokens.push(token);
    if (this.#keep.showTokenIds) for (const id of detail.ids) this.#ids.push(id);
  }

  get isEmpty(): boolean {
    return this.#text === '' && this.#tokens.length === 0 && this.#ids.length === 0;
  }

  /** The text alone, for streams that show no tokens. */
  takeText(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }

  take(): TextPart {
    const part = { text: this.takeText(), tokens: this.#tokens, ids: this.#ids };
    this.#tokens = [];
    this.#ids = [];
    return part;
  }
}
