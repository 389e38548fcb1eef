/** Answers of /v1/completions. */
import { promptOf } from '../generation-request.ts';
import type { AnswerOptions } from './answer.ts';
import type { Choice, TextPart } from './choice.ts';
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
  { tokens }: TextPart,
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

export const completionFormat: WireFormat = {
  idPrefix: 'cmpl-',
  answerObject: 'text_completion',
  chunkObject: 'text_completion',

  answerFields: () => ({}),

  choice: (options, choice) => {
    const part = choice.take();
    const prompt = promptOf(options.request, choice.index);
    const ofEcho = logprobsOfEcho(options, choice);
    const ofText = logprobsOf(options, choice, part);
    return {
      index: choice.index,
      text: (prompt.echoText ?? '') + part.text,
      logprobs: ofEcho !== null && ofText !== null ? joinLogprobs(ofEcho, ofText) : ofText,
      finish_reason: choice.outcome?.finishReason,
      stop_reason: choice.outcome?.stopReason,
      ...(options.promptStyle !== null && {
        prompt_logprobs: promptLogprobs(prompt, choice.promptLogprobs, options.promptStyle),
      }),
      ...(options.showTokenIds && {
        prompt_token_ids: [...prompt.tokens],
        token_ids: part.ids,
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

  textFrame: (index) => [
    `{"index":${index},"text":`,
    ',"logprobs":null,"finish_reason":null,"stop_reason":null}',
  ],

  delta: (options, choice, part) => ({
    index: choice.index,
    text: part.text,
    logprobs: logprobsOf(options, choice, part),
    finish_reason: null,
    stop_reason: null,
    ...(options.showTokenIds && { token_ids: part.ids }),
  }),

  finish: (index, { finishReason, stopReason }) => ({
    index,
    text: '',
    logprobs: null,
    finish_reason: finishReason,
    stop_reason: stopReason,
  }),
};
