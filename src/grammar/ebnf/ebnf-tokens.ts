/** Cuts the text of a grammar into its tokens. */
import type { CodePointRange } from '../code-points.ts';
import { invalidGrammar, unsupportedGrammar } from '../grammar-error.ts';

export type EbnfToken = { readonly line: number } & (
  | { readonly kind: 'name' | 'text'; readonly text: string }
  | {
      readonly kind: 'class';
      readonly ranges: readonly CodePointRange[];
      readonly negated: boolean;
    }
  | { readonly kind: 'count'; readonly min: number; readonly max: number | null }
  | { readonly kind: 'define' | '|' | '(' | ')' | '*' | '+' | '?' | '.' | 'end' }
);

const SOURCE_LENGTH_MAX = 64 * 1024;
const SIGNS = ['|', '(', ')', '*', '+', '?', '.'] as const;

/** Throws EtapError ETAP_ERR_GRAMMAR. */
export function ebnfTokens(source: string): EbnfToken[] {
  if (source.length > SOURCE_LENGTH_MAX) {
    throw unsupportedGrammar('', `the grammar is longer than ${SOURCE_LENGTH_MAX} characters`);
  }
  return new EbnfLexer([...source]).tokens();
}

class EbnfLexer {
  readonly #characters: readonly string[];
  #at = 0;
  #line = 1;

  constructor(characters: readonly string[]) {
    this.#characters = characters;
  }

  tokens(): EbnfToken[] {
    const tokens: EbnfToken[] = [];
    for (;;) {
      this.#skipBlanks();
      const line = this.#line;
      if (this.#peek() === undefined) return [...tokens, { kind: 'end', line }];
      tokens.push(this.#token(line));
    }
  }

  #token(line: number): EbnfToken {
    const character = this.#peek() as string;
    const sign = SIGNS.find((one) => one === character);
    if (sign !== undefined) {
      this.#at++;
      return { kind: sign, line };
    }
    if (character === '"') return { kind: 'text', text: this.#quoted(), line };
    if (character === '[') return { kind: 'class', ...this.#class(), line };
    if (character === '{') return { kind: 'count', ...this.#count(), line };
    if (character === ':' && this.#rest(3) === '::=') {
      this.#at += 3;
      return { kind: 'define', line };
    }
    const name = this.#while(/[A-Za-z0-9_-]/);
    if (name === '') throw this.#wrong('this character has no meaning here');
    return { kind: 'name', text: name, line };
  }

  #quoted(): string {
    let found = '';
    for (this.#at++; this.#peek() !== '"'; ) found += String.fromCodePoint(this.#character());
    this.#at++;
    return found;
  }

  #class(): { readonly ranges: readonly CodePointRange[]; readonly negated: boolean } {
    this.#at++;
    const negated = this.#peek() === '^';
    if (negated) this.#at++;
    const ranges: CodePointRange[] = [];
    while (this.#peek() !== ']') {
      const first = this.#character();
      const isRange = this.#peek() === '-' && this.#characters[this.#at + 1] !== ']';
      if (isRange) this.#at++;
      const last = isRange ? this.#character() : first;
      if (last < first) throw this.#wrong('a range of characters ends before it begins');
      ranges.push([first, last]);
    }
    this.#at++;
    return { ranges, negated };
  }

  #count(): { readonly min: number; readonly max: number | null } {
    this.#at++;
    const inside = this.#while(/[0-9, ]/);
    const counts = /^ *(\d{1,9}) *(?:(,) *(\d{1,9})? *)?$/.exec(inside);
    if (counts === null || this.#peek() !== '}')
      throw this.#wrong('counts are written {n}, {n,} or {n,m}');
    this.#at++;
    const min = Number(counts[1]);
    if (counts[2] === undefined) return { min, max: min };
    return { min, max: counts[3] === undefined ? null : Number(counts[3]) };
  }

  /** One character of a text or class, escaped or not. */
  #character(): number {
    const character = this.#peek();
    if (character === undefined || character === '\n')
      throw this.#wrong('a text or class is not closed');
    this.#at++;
    if (character !== '\\') return character.codePointAt(0) as number;
    const escaped = this.#peek();
    this.#at++;
    const digits = HEX_DIGITS[escaped ?? ''];
    if (digits !== undefined) return this.#hex(digits);
    const plain = ESCAPES[escaped ?? ''] ?? escaped;
    if (plain === undefined || /[A-Za-z0-9]/.test(plain))
      throw this.#wrong('this escape has no meaning');
    return plain.codePointAt(0) as number;
  }

  #hex(length: number): number {
    const digits = this.#rest(length);
    if (digits.length < length || !/^[0-9a-fA-F]+$/.test(digits)) {
      throw this.#wrong(`an escape has fewer than ${length} hexadecimal digits`);
    }
    this.#at += length;
    const codePoint = Number.parseInt(digits, 16);
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) {
      throw this.#wrong('an escape is no character');
    }
    return codePoint;
  }

  #skipBlanks(): void {
    for (let character = this.#peek(); character !== undefined; character = this.#peek()) {
      if (character === '#') this.#while(/[^\n]/);
      else if (/\s/.test(character)) {
        if (character === '\n') this.#line++;
        this.#at++;
      } else return;
    }
  }

  #while(pattern: RegExp): string {
    let found = '';
    for (let one = this.#peek(); one !== undefined && pattern.test(one); one = this.#peek()) {
      found += one;
      this.#at++;
    }
    return found;
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #rest(length: number): string {
    return this.#characters.slice(this.#at, this.#at + length).join('');
  }

  #wrong = (problem: string) => invalidGrammar('', `line ${this.#line}: ${problem}`);
}

const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
/** A backspace in JSON, but not a word border: this is no regex. */
const ESCAPES: Readonly<Record<string, string | undefined>> = {
  n: '\u000a',
  r: '\u000d',
  t: '\u0009',
};
