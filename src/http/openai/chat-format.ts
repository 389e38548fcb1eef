/** Answers of /v1/chat/completions. */
import type { AnswerOptions } from './answer.ts';
import { chatDelta, chatDeltaJson, chatMessage } from './chat-message.ts';
import type { GatheredPart } from './choice.ts';
import { chatLogprobs, promptLogprobs } from './logprobs.ts';
import type { WireFormat } from './wire-format.ts';

/** Of the tokens of the content; thinking and tool calls have none. */
function logprobsOf(
  { showLogprobs, style }: AnswerOptions,
  parts: readonly GatheredPart[],
): object | null {
  const ofContent = parts.filter((part) => part.kind === 'content');
  if (!showLogprobs || ofContent.length === 0) return null;
  const tokens = ofContent.flatMap((part) => part.tokens);
  return { content: chatLogprobs(tokens, style), refusal: null };
}

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
    const { parts, ids } = choice.take();
    return {
      index: choice.index,
      message: chatMessage(parts),
      logprobs: logprobsOf(options, parts),
      finish_reason: choice.outcome?.finishReason,
      stop_reason: choice.outcome?.stopReason,
      ...(options.showTokenIds && { token_ids: ids }),
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

  plainDelta: (index, part) =>
    `{"index":${index},"delta":${chatDeltaJson(part)},"logprobs":null,"finish_reason":null}`,

  delta: (options, { index }, { part, ids }) => ({
    index,
    delta: part === null ? {} : chatDelta(part),
    logprobs: part === null ? null : logprobsOf(options, [part]),
    finish_reason: null,
    ...(options.showTokenIds && { token_ids: ids }),
  }),

  finish: (index, { finishReason, stopReason }) => ({
    index,
    delta: { content: '' },
    logprobs: null,
    finish_reason: finishReason,
    stop_reason: stopReason,
  }),
};
