/** Text to ids through the Rust tokenizers binding: the reference implementation of the ids. */
import { Tokenizer as RustTokenizer } from 'tokenizers';
import { EtapError } from '../errors.ts';
import { decodeAll } from './detokenizer.ts';
import type { Segment } from './special-token-guard.ts';
import type { Tokenizer } from './text-model.ts';
import type { TokenizerJson, Vocabulary } from './vocabulary.ts';

export type TokenizerRules = {
  readonly bosTokenId: number | null;
  /** `add_bos_token` of tokenizer_config.json. */
  readonly addBos: boolean;
};

export class BpeTokenizer implements Tokenizer {
  readonly bosTokenId: number | null;
  readonly #vocabulary: Vocabulary;
  readonly #addBos: boolean;
  /** Turns added tokens in a text into their ids. */
  readonly #withSpecial: RustTokenizer;
  /** Knows no added tokens, so what a user wrote stays text. */
  readonly #plain: RustTokenizer;

  /** Throws EtapError ETAP_ERR_TOKENIZER when the library refuses the file. */
  constructor(json: TokenizerJson, vocabulary: Vocabulary, rules: TokenizerRules) {
    this.#vocabulary = vocabulary;
    this.#addBos = rules.addBos;
    this.bosTokenId = rules.bosTokenId;
    try {
      this.#withSpecial = RustTokenizer.fromString(JSON.stringify(json));
      this.#plain = RustTokenizer.fromString(JSON.stringify({ ...json, added_tokens: [] }));
    } catch (error) {
      throw new EtapError('ETAP_ERR_TOKENIZER', `tokenizer.json: ${error}`);
    }
  }

  get vocabSize(): number {
    return this.#vocabulary.size;
  }

  async encode(
    text: string,
    options: { readonly addBos: boolean; readonly parseSpecial: boolean },
  ): Promise<Int32Array> {
    const ids = await this.#ids(options.parseSpecial ? this.#withSpecial : this.#plain, text);
    const bos = this.bosTokenId;
    if (!options.addBos || !this.#addBos || bos === null || ids[0] === bos) {
      return Int32Array.from(ids);
    }
    const withBos = new Int32Array(ids.length + 1);
    withBos[0] = bos;
    withBos.set(ids, 1);
    return withBos;
  }

  /** Ids of a rendered chat: its special tokens as they are, everything between as plain text. */
  async encodeSegments(segments: readonly Segment[]): Promise<Int32Array> {
    const parts = await Promise.all(
      segments.map((segment) =>
        'text' in segment ? this.#ids(this.#plain, segment.text) : [segment.specialId],
      ),
    );
    const ids = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      ids.set(part, offset);
      offset += part.length;
    }
    return ids;
  }

  tokenBytes(id: number): Uint8Array {
    return this.#vocabulary.bytes(id);
  }

  tokenText(id: number): string {
    return this.#vocabulary.wholeText(id) ?? Buffer.from(this.tokenBytes(id)).toString('utf8');
  }

  isSpecial(id: number): boolean {
    return this.#vocabulary.isSpecial(id);
  }

  decode(ids: ArrayLike<number>, options: { readonly skipSpecial: boolean }): string {
    return decodeAll(this.#vocabulary, ids, options);
  }

  async #ids(tokenizer: RustTokenizer, text: string): Promise<number[]> {
    if (text === '') return [];
    // Rules of our own decide about BOS; the file's post-processor may not add tokens.
    const encoding = await tokenizer.encode(text, null, { addSpecialTokens: false });
    return encoding.getIds();
  }
}
