/**
 * Ids to text as they come. A token may hold part of a character: its bytes wait until the
 * character is whole, so a stream never shows half of one. Exact against decoding all ids at once.
 */
import { StringDecoder } from 'node:string_decoder';
import type { Detokenizer } from './text-model.ts';
import type { Vocabulary } from './vocabulary.ts';

export class StreamingDetokenizer implements Detokenizer {
  readonly #vocabulary: Vocabulary;
  readonly #skipSpecial: boolean;
  readonly #decoder = new StringDecoder('utf8');
  /** True while the decoder may hold bytes of an unfinished character. */
  #unfinished = false;

  constructor(vocabulary: Vocabulary, options: { readonly skipSpecial: boolean }) {
    this.#vocabulary = vocabulary;
    this.#skipSpecial = options.skipSpecial;
  }

  push(id: number): string {
    if (this.#skipSpecial && this.#vocabulary.isSpecial(id)) return '';
    const text = this.#vocabulary.wholeText(id);
    if (text !== undefined && !this.#unfinished) return text;
    this.#unfinished = text === undefined;
    return this.#decoder.write(Buffer.from(this.#vocabulary.bytes(id)));
  }

  flush(): string {
    this.#unfinished = false;
    return this.#decoder.end();
  }
}

/** All ids at once; the same text as a StreamingDetokenizer gives. */
export function decodeAll(
  vocabulary: Vocabulary,
  ids: ArrayLike<number>,
  options: { readonly skipSpecial: boolean },
): string {
  const detokenizer = new StreamingDetokenizer(vocabulary, options);
  let text = '';
  for (let index = 0; index < ids.length; index++) text += detokenizer.push(ids[index] ?? -1);
  return text + detokenizer.flush();
}
