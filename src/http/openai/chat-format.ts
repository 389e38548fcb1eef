/** Answers of /v1/chat/completions. */
import type { AnswerOptions } from './answer.ts';
import type { TextPart } from './choice.ts';
import { chatLogprobs, promptLogprobs } from './logprobs.ts';
import type { WireFormat } from './wire-format.ts';

const logprobsOf = ({ showLogprobs, style }: AnswerOptions, { tokens }: TextPart) =>
  showLogprobs ? { content: chatLogprobs(tokens, style), refusal: null } : null;

export const chatFormat: WireFormat = {
  idPrefix: 'chatcmpl-',
  answerObject: 'chat.completion',
  chunkObject: 'chat.completion.chunk',

  answerFields: ({ request, showTokenIds, promptStyle }, [first]) => {
    const [prompt] = request.prompts;
    if (prompt === undefined || first === undefined) return {};
    return {
      ...(promptStyle !== null && {
        prompt_logprobs: promptLogprobs(prompt, first.promptLogprobs, promptStyle),
      }),
      ...(showTokenIds && { prompt_token_ids: [...prompt.tokens] }),
    };
  },

  choice: (options, choice) => {
    const part = choice.take();
    return {
      index: choice.index,
      message: { role: 'assistant', content: part.text, refusal: null },
      logprobs: logprobsOf(options, part),
      finish_reason: choice.outcome?.finishReason,
      stop_reason: choice.outcome?.stopReason,
      ...(options.showTokenIds && { token_ids: part.ids }),
    };
  },

  opening: ({ request, showTokenIds }, { index }) => ({
    choice: {
      index,
      delta: { role: 'assistant', content: '' },
      logprobs: null,
      finish_reason: null,
    },
    fields:
      showTokenIds && index === 0
        ? { prompt_token_ids: [...(request.prompts[0]?.tokens ?? [])] }
        : {},
  }),

  textFrame: (index) => [
    `{"index":${index},"delta":{"content":`,
    '},"logprobs":null,"finish_reason":null}',
  ],

  delta: (options, { index }, part) => ({
    index,
    delta: { content: part.text },
    logprobs: logprobsOf(options, part),
    finish_reason: null,
    ...(options.showTokenIds && { token_ids: part.ids }),
  }),

  finish: (index, { finishReason, stopReason }) => ({
    index,
    delta: { content: '' },
    logprobs: null,
    finish_reason: finishReason,
    stop_reason: stopReason,
  }),
};
