/** Follows grammars without an engine: whole texts, and generations that pick tokens by a rule. */

import type { GrammarLanguage } from '../../../src/grammar/index.ts';
import { CompiledGrammar } from '../../../src/grammar-engine/compiled-grammar.ts';
import { DEAD } from '../../../src/grammar-engine/configurations.ts';
import { Matcher, type TokenTable } from '../../../src/grammar-engine/matcher.ts';
import { TokenTrie } from '../../../src/grammar-engine/token-trie.ts';

/** 256 single bytes, then further tokens. */
export function tinyVocabulary(words: readonly string[] = []): readonly Uint8Array[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  return [...bytes, ...words.map((word) => new TextEncoder().encode(word))];
}

const BYTES = tinyVocabulary();
const BYTE_TRIE = new TokenTrie(BYTES, BYTES.length);

export const compile = (language: GrammarLanguage, trie = BYTE_TRIE): CompiledGrammar =>
  new CompiledGrammar({ language, startAfter: null }, trie);

export const schemaLanguage = (schema: unknown): GrammarLanguage => ({
  kind: 'jsonSchema',
  schema,
  path: 'schema',
});

/** Whether a grammar accepts a whole text. */
export function matches(grammar: CompiledGrammar, text: string): boolean {
  const end = grammar.stepBytes(grammar.start, new TextEncoder().encode(text));
  return end !== DEAD && grammar.canEnd(end);
}

/** A generator of numbers from 0 to 1, the same for a seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Generates with a chooser among the allowed tokens; null is the end. Resolves to the text, or to
 * null when `tokensMax` were not enough.
 */
export function generate(
  grammar: CompiledGrammar,
  table: TokenTable,
  options: {
    readonly tokensMax: number;
    readonly choose: (allowed: readonly number[], canEnd: boolean) => number | null;
  },
): string | null {
  const matcher = new Matcher(grammar, table);
  const bytes: number[] = [];
  while (!matcher.isComplete) {
    if (matcher.position >= options.tokensMax) return null;
    const token = options.choose(allowedIn(matcher.mask()), matcher.canEnd);
    if (token === null) break;
    matcher.accept(token);
    bytes.push(...table.bytes(token));
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

export function allowedIn(mask: Int32Array): number[] {
  const allowed: number[] = [];
  for (const [word, bits] of mask.entries()) {
    for (let rest = bits; rest !== 0; rest &= rest - 1) {
      allowed.push(word * 32 + 31 - Math.clz32(rest & -rest));
    }
  }
  return allowed;
}
