/** What one choice of an answer has come to: the state between the generation and its wire format. */
import type { TokenLogprobs } from '../../engine/index.ts';
import type { MessagePart, Progress } from '../message-parts.ts';
import type { SequenceOutcome } from '../sequence-text.ts';
import type { TextToken } from '../token-trail.ts';

/** A part whose pieces are joined as far as they came. */
export type GatheredPart =
  | { readonly kind: 'content'; text: string; readonly tokens: TextToken[] }
  | { readonly kind: 'reasoning'; text: string }
  | {
      readonly kind: 'toolCall';
      readonly call: number;
      readonly id: string;
      readonly name: string;
    }
  | { readonly kind: 'toolArguments'; readonly call: number; text: string };

/** What waited since it was last taken. */
export type Gathered = {
  readonly parts: readonly GatheredPart[];
  /** Generated ids, for clients that asked for them. */
  readonly ids: readonly number[];
};

export type ShownTokens = { readonly showLogprobs: boolean; readonly showTokenIds: boolean };

/** Gathers parts until they are taken: at once for a stream, at the end otherwise. */
export class Choice {
  readonly index: number;
  #parts: GatheredPart[] = [];
  #ids: number[] = [];
  promptLogprobs: readonly TokenLogprobs[] = [];
  outcome: SequenceOutcome | null = null;

  readonly #keep: ShownTokens;

  constructor(index: number, keep: ShownTokens) {
    this.index = index;
    this.#keep = keep;
  }

  add(parts: readonly MessagePart[], { ids }: Progress): void {
    for (const part of parts) this.#addPart(part);
    if (this.#keep.showTokenIds) for (const id of ids) this.#ids.push(id);
  }

  get isEmpty(): boolean {
    return this.#parts.length === 0 && this.#ids.length === 0;
  }

  take(): Gathered {
    const gathered = { parts: this.#parts, ids: this.#ids };
    this.#parts = [];
    this.#ids = [];
    return gathered;
  }

  #addPart(part: MessagePart): void {
    if (part.kind === 'toolCallEnd') return;
    if (part.kind === 'toolCall') {
      this.#parts.push(part);
      return;
    }
    const last = this.#parts.at(-1);
    const tokens = part.kind === 'content' && this.#keep.showLogprobs ? part.tokens : [];
    if (last?.kind === part.kind) {
      last.text += part.text;
      if (last.kind === 'content') for (const token of tokens) last.tokens.push(token);
    } else if (part.kind === 'content') {
      if (part.text !== '' || tokens.length > 0) {
        this.#parts.push({ kind: 'content', text: part.text, tokens: [...tokens] });
      }
    } else {
      this.#parts.push({ ...part });
    }
  }
}
