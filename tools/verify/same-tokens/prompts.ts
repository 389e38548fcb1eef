/** Sixty-four mixed requests from one seed: long and short, greedy and sampled, some with a common prefix. */
import type { GenerateCommand } from '../../../src/engine/index.ts';

export const REQUEST_COUNT = 64;
const SHARED_PREFIX_TOKENS = 150;
const PROMPT_TOKENS_MAX = 700;
const SHORT_COMPLETION_TOKENS_MAX = 12;
/** Long ones are rare, so that the scheduler expects less and has to preempt. */
const LONG_COMPLETION_TOKENS_MAX = 160;
const TOP_LOGPROBS = 3;
/** Of the requests with long prompts: where they come late, others have to make room. */
export const URGENT_PRIORITY = 1;

/** Small deterministic generator (mulberry32), so that every run asks the same. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param vocabSize ids are drawn below it; the first 32 are left out, where specials often lie */
export function mixedRequests(seed: number, vocabSize: number): GenerateCommand[] {
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const tokens = (count: number) =>
    Array.from({ length: count }, () => 32 + below(Math.max(1, vocabSize - 32)));
  const shared = tokens(SHARED_PREFIX_TOKENS);
  return Array.from({ length: REQUEST_COUNT }, (_, index) => {
    const own = tokens(1 + below(index % 4 === 0 ? PROMPT_TOKENS_MAX : 90));
    const sampled = index % 2 === 1;
    return {
      promptTokens: Int32Array.from(index % 3 === 0 ? [...shared, ...own] : own),
      sampling: {
        temperature: sampled ? 0.5 + random() : 0,
        topK: index % 8 === 3 ? 20 : 0,
        topP: sampled ? 0.9 : 1,
        minP: index % 8 === 5 ? 0.02 : 0,
        repetitionPenalty: index % 5 === 0 ? 1.1 : 1,
        frequencyPenalty: index % 7 === 0 ? 0.2 : 0,
        presencePenalty: 0,
        seed: below(2 ** 31),
        logitBias: [],
        allowedTokenIds: null,
        topLogprobs: TOP_LOGPROBS,
        promptLogprobs: null,
      },
      maxTokens:
        1 + below(index % 4 === 2 ? LONG_COMPLETION_TOKENS_MAX : SHORT_COMPLETION_TOKENS_MAX),
      minTokens: 0,
      stopTokenIds: [],
      priority: index % 4 === 0 ? URGENT_PRIORITY : 3,
      tenant: '',
      cacheSalt: '',
      grammar: null,
    };
  });
}
