/** Message parts in the words of /v1/chat/completions: whole messages, and the deltas of a stream. */
import type { GatheredPart } from './choice.ts';

/** Clients read one name or the other: both are written, with the same text. */
const reasoningFields = (text: string) => ({ reasoning_content: text, reasoning: text });

/** `content` is null beside tool calls when the model said nothing else. */
export function chatMessage(parts: readonly GatheredPart[]): object {
  let content = '';
  let reasoning = '';
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] =
    [];
  for (const part of parts) {
    if (part.kind === 'content') content += part.text;
    else if (part.kind === 'reasoning') reasoning += part.text;
    else if (part.kind === 'toolCall') {
      calls.push({ id: part.id, type: 'function', function: { name: part.name, arguments: '' } });
    } else {
      const call = calls[part.call];
      if (call !== undefined) call.function.arguments += part.text;
    }
  }
  return {
    role: 'assistant',
    content: content === '' && calls.length > 0 ? null : content,
    refusal: null,
    ...(reasoning !== '' && reasoningFields(reasoning)),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** The first delta of a call has all but its arguments, `type` included: clients insist on it. */
export function chatDelta(part: GatheredPart): object {
  switch (part.kind) {
    case 'content':
      return { content: part.text };
    case 'reasoning':
      return reasoningFields(part.text);
    case 'toolCall': {
      const { call, id, name } = part;
      return {
        tool_calls: [{ index: call, id, type: 'function', function: { name, arguments: '' } }],
      };
    }
    case 'toolArguments':
      return { tool_calls: [{ index: part.call, function: { arguments: part.text } }] };
  }
}

/** The same as JSON; the commonest are written by hand. */
export function chatDeltaJson(part: GatheredPart): string {
  if (part.kind === 'content') return `{"content":${JSON.stringify(part.text)}}`;
  if (part.kind !== 'reasoning') return JSON.stringify(chatDelta(part));
  const text = JSON.stringify(part.text);
  return `{"reasoning_content":${text},"reasoning":${text}}`;
}
