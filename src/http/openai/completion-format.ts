/** Answers of /v1/completions. */
import { promptOf } from '../generation-request.ts';
import type { TextToken } from '../token-trail.ts';
import type { AnswerOptions } from './answer.ts';
import type { Choice, Gathered, GatheredPart } from './choice.ts';
import {
  type CompletionLogprobs,
  completionLogprobs,
  echoLength,
  echoLogprobs,
  joinLogprobs,
  promptLogprobs,
} from './logprobs.ts';
import type { WireFormat } from './wire-format.ts';

/** Log-probabilities of a part of the completion; offsets count from the start of the answer. */
function logprobsOf(
  { request, showLogprobs, style }: AnswerOptions,
  { index }: Choice,
  tokens: readonly TextToken[],
): CompletionLogprobs | null {
  if (!showLogprobs) return null;
  return completionLogprobs(tokens, echoLength(promptOf(request, index)), style);
}

/** Those of the echoed prompt; null where nothing is echoed or nothing was asked. */
function logprobsOfEcho(
  { request, showLogprobs, style }: AnswerOptions,
  { index, promptLogprobs: found }: Choice,
): CompletionLogprobs | null {
  const prompt = promptOf(request, index);
  if (!showLogprobs || prompt.echoText === null) return null;
  return echoLogprobs(prompt, found, style);
}

/** Raw text has no parts but this one. */
const contentOf = ({ parts }: Pick<Gathered, 'parts'>) => textAndTokens(parts[0] ?? null);

const textAndTokens = (part: GatheredPart | null) =>
  part?.kind === 'content' ? part : { text: '', tokens: [] };

export const completionFormat: WireFormat = {
  idPrefix: 'cmpl-',
  answerObject: 'text_completion',
  chunkObject: 'text_completion',

  answerFields: () => ({}),

  choice: (options, choice) => {
    const gathered = choice.take();
    const { text, tokens } = contentOf(gathered);
    const prompt = promptOf(options.request, choice.index);
    const ofEcho = logprobsOfEcho(options, choice);
    const ofText = logprobsOf(options, choice, tokens);
    return {
      index: choice.index,
      text: (prompt.echoText ?? '') + text,
      logprobs: ofEcho !== null && ofText !== null ? joinLogprobs(ofEcho, ofText) : ofText,
      finish_reason: choice.outcome?.finishReason,
      stop_reason: choice.outcome?.stopReason,
      ...(options.promptStyle !== null && {
        prompt_logprobs: promptLogprobs(prompt, choice.promptLogprobs, options.promptStyle),
      }),
      ...(options.showTokenIds && {
        prompt_token_ids: [...prompt.tokens],
        token_ids: gathered.ids,
      }),
    };
  },

  opening: (options, choice) => {
    const prompt = promptOf(options.request, choice.index);
    if (prompt.echoText === null && !options.showTokenIds) return null;
    return {
      choice: {
        index: choice.index,
        text: prompt.echoText ?? '',
        logprobs: logprobsOfEcho(options, choice),
        finish_reason: null,
        stop_reason: null,
        ...(options.showTokenIds && { prompt_token_ids: [...prompt.tokens] }),
      },
      fields: {},
    };
  },

  plainDelta: (index, part) =>
    `{"index":${index},"text":${JSON.stringify(textAndTokens(part).text)}` +
    ',"logprobs":null,"finish_reason":null,"stop_reason":null}',

  delta: (options, choice, { part, ids }) => {
    const { text, tokens } = textAndTokens(part);
    return {
      index: choice.index,
      text,
      logprobs: logprobsOf(options, choice, tokens),
      finish_reason: null,
      stop_reason: null,
      ...(options.showTokenIds && { token_ids: ids }),
    };
  },

  finish: (index, { finishReason, stopReason }) => ({
    index,
    text: '',
    logprobs: null,
    finish_reason: finishReason,
    stop_reason: stopReason,
  }),
};
