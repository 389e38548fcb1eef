/**
 * The model of the simulated executor: a chain of hashes. The KV value of a token is the hash of
 * the value before it and the token, so the value at any position stands for the whole prefix and
 * the way it was computed; the next token is a hash of the last value. Any mix-up of blocks, tokens
 * or positions therefore changes what is generated. Pure, so that tests can tell what is due.
 */
import type { SamplingParams } from '../sampling-params.ts';

/** KV value before the first token. */
export const ROOT_VALUE = 0x51ed270b;

/** @param generated whether the token is computed on the absorbed path; matters in strict mode only */
export function kvValue(previous: number, token: number, generated: boolean): number {
  return mix(mix(previous, token), generated ? 0x2545f491 : 0x1b873593);
}

/** KV values of known tokens, by position. */
export function kvValues(
  tokens: Int32Array,
  promptTokenCount: number,
  strict: boolean,
): Int32Array {
  const values = new Int32Array(tokens.length);
  let value = ROOT_VALUE;
  for (let i = 0; i < tokens.length; i++) {
    value = kvValue(value, tokens[i] as number, strict && i >= promptTokenCount);
    values[i] = value;
  }
  return values;
}

/** What may be sampled: ids below `vocabSize` that every one of these admits. */
export type TokenChoice = {
  readonly vocabSize: number;
  readonly sampling: SamplingParams;
  readonly isAllowed: (tokenId: number) => boolean;
};

/**
 * The token that follows a KV value, or -1 when none is allowed. Greedy choice depends on the
 * prefix alone; a draw also on seed and position.
 */
export function nextToken(value: number, position: number, choice: TokenChoice): number {
  const { sampling, vocabSize } = choice;
  const { low, high } = sampling.temperature === 0 ? { low: 0, high: 0 } : halves(sampling.seed);
  const draw = sampling.temperature === 0 ? value : mix(mix(mix(value, low), high), position);
  const candidates = sampling.allowedTokenIds;
  const count = candidates?.length ?? vocabSize;
  const first = (draw >>> 0) % count;
  for (let i = 0; i < count; i++) {
    const index = (first + i) % count;
    const token = candidates === null ? index : (candidates[index] as number);
    if (choice.isAllowed(token)) return token;
  }
  return -1;
}

/** Made-up log-probability of a token after a KV value: below 0, the same whenever it is asked. */
export function logprobOf(value: number, token: number): number {
  return -1 - ((mix(value, token) >>> 0) % 10_000) / 1000;
}

function halves(seed: number): { readonly low: number; readonly high: number } {
  return { low: seed | 0, high: Math.floor(seed / 2 ** 32) | 0 };
}

/** One round of MurmurHash3 with its finaliser. */
function mix(hash: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593) ^ hash;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
