/** What each sequence must generate, whatever runs beside it: told from its request alone. */
import type { AddCommand } from '../../src/engine/messages.ts';
import { kvValue, kvValues, logprobOf, nextToken } from '../../src/executor/simulated-model.ts';

export type Expected = {
  /** Completion tokens, the stop token that may end them included. */
  readonly tokens: readonly number[];
  /** Log-probability of each. */
  readonly logprobs: readonly number[];
  readonly reason: 'stop' | 'length';
  /** Log-probabilities of prompt tokens 1..n-1. */
  readonly promptLogprobs: readonly number[];
};

export function expectedOf(
  command: AddCommand,
  facts: {
    readonly vocabSize: number;
    readonly strict: boolean;
    /** Longest sequence, completion included. */
    readonly tokensMax: number;
  },
): Expected {
  const { promptTokens, sampling, minTokens, stopTokenIds } = command;
  const promptTokenCount = promptTokens.length;
  const values = kvValues(promptTokens, promptTokenCount, facts.strict);
  const count = Math.min(command.maxTokens, facts.tokensMax - promptTokenCount);
  const tokens: number[] = [];
  const logprobs: number[] = [];
  let value = values.at(-1) as number;
  let reason: Expected['reason'] = 'length';
  while (tokens.length < count && reason === 'length') {
    const stops = tokens.length >= minTokens;
    const token = nextToken(value, promptTokenCount + tokens.length, {
      vocabSize: facts.vocabSize,
      sampling,
      isAllowed: (id) => stops || !stopTokenIds.includes(id),
    });
    tokens.push(token);
    logprobs.push(logprobOf(value, token));
    if (stops && stopTokenIds.includes(token)) reason = 'stop';
    value = kvValue(value, token, facts.strict);
  }
  const promptLogprobs = Array.from({ length: promptTokenCount - 1 }, (_, i) =>
    logprobOf(values[i] as number, promptTokens[i + 1] as number),
  );
  return { tokens, logprobs, reason, promptLogprobs };
}
