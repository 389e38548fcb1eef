/**
 * The vocabulary of a byte-level BPE tokenizer.json: which bytes each id stands for. Built once at
 * load; the hot path of detokenizing only indexes into it.
 */
import { EtapError } from '../errors.ts';
import { OUTPUT_MARKERS } from './output-markers.ts';

/** Ids at or above this are refused: no model is near it, and a table that large is an attack. */
const TOKEN_ID_LIMIT = 1 << 20;

export type AddedToken = {
  readonly id: number;
  readonly content: string;
  /** Hidden when text is decoded with `skipSpecial`; markers of thinking and tool calls never are. */
  readonly special: boolean;
};

/** The parts of tokenizer.json that are read here; the rest is the tokenizer library's. */
export type TokenizerJson = {
  readonly model: { readonly type?: string; readonly vocab: Readonly<Record<string, number>> };
  readonly added_tokens?: readonly AddedToken[];
};

/**
 * The printable alphabet of byte-level BPE (GPT-2): printable Latin-1 characters stand for
 * themselves, every other byte for the next code point from U+0100 on.
 */
function byteOfAlphabet(): Map<string, number> {
  const bytes = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    bytes.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return bytes;
}

function checkedId(id: unknown, token: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < TOKEN_ID_LIMIT) return id;
  throw new EtapError(
    'ETAP_ERR_TOKENIZER',
    `tokenizer.json: token ${JSON.stringify(token)} has id ${id}; ` +
      `ids must be integers from 0 to ${TOKEN_ID_LIMIT - 1}`,
  );
}

export class Vocabulary {
  /** One more than the highest id. */
  readonly size: number;
  readonly addedTokens: readonly AddedToken[];
  readonly #bytes: (Uint8Array | undefined)[];
  /** The token as text when its bytes are valid UTF-8 alone. */
  readonly #texts: (string | undefined)[];
  readonly #special: Uint8Array;

  /** Throws EtapError ETAP_ERR_TOKENIZER when the file is not a byte-level BPE vocabulary. */
  constructor(json: TokenizerJson) {
    const { vocab } = json.model ?? {};
    if (json.model?.type !== 'BPE' || typeof vocab !== 'object' || vocab === null) {
      throw new EtapError(
        'ETAP_ERR_TOKENIZER',
        `tokenizer.json: model type is ${JSON.stringify(json.model?.type)}; only byte-level BPE ` +
          'is supported, as DeepSeek models have it',
      );
    }
    this.addedTokens = checkedAddedTokens(json.added_tokens ?? []);
    this.#bytes = [];
    const alphabet = byteOfAlphabet();
    for (const [token, id] of Object.entries(vocab)) {
      this.#bytes[checkedId(id, token)] = bytesOfToken(token, alphabet);
    }
    const encoder = new TextEncoder();
    for (const { id, content } of this.addedTokens) this.#bytes[id] = encoder.encode(content);
    this.size = this.#bytes.length;
    this.#special = new Uint8Array(this.size);
    for (const { id, special } of this.addedTokens) this.#special[id] = special ? 1 : 0;
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    this.#texts = this.#bytes.map((bytes) => {
      try {
        return decoder.decode(bytes);
      } catch {
        return undefined;
      }
    });
  }

  /** Empty for ids that no token has. */
  bytes(id: number): Uint8Array {
    return this.#bytes[id] ?? EMPTY;
  }

  /** The token's text, or undefined when it is only part of a character. */
  wholeText(id: number): string | undefined {
    return id < this.size ? this.#texts[id] : '';
  }

  isSpecial(id: number): boolean {
    return this.#special[id] === 1;
  }
}

const EMPTY = new Uint8Array(0);

function bytesOfToken(token: string, alphabet: Map<string, number>): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = alphabet.get(character);
    // Tokens outside the alphabet are stored as themselves by some exporters.
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function checkedAddedTokens(tokens: readonly AddedToken[]): AddedToken[] {
  return tokens.map(({ id, content, special }) => {
    if (typeof content !== 'string' || content === '') {
      throw new EtapError(
        'ETAP_ERR_TOKENIZER',
        `tokenizer.json: added token ${id} is empty; added tokens must have text`,
      );
    }
    const hidden = special === true && !OUTPUT_MARKERS.includes(content);
    return { id: checkedId(id, content), content, special: hidden };
  });
}
