/** Chat messages of the wire as the text side takes them: flat text, known roles, whole calls. */
import type { LimitsConfig } from '../../config/index.ts';
import { EtapError } from '../../errors.ts';
import type { ChatMessage } from '../../text/index.ts';
import { CONTENT_PARTS_MAX, MESSAGE_TOOL_CALLS_MAX } from '../limits.ts';
import { checkAtMost, describe, invalidField } from './invalid.ts';
import type { Message } from './schemas.ts';

/** Between the parts of a content list, as vLLM joins them. */
const PART_SEPARATOR = '\n';

/** Throws EtapError ETAP_ERR_INVALID_REQUEST or ETAP_ERR_NOT_SUPPORTED. */
export function toMessages(
  messages: readonly Message[],
  { messagesPerRequest }: LimitsConfig,
): ChatMessage[] {
  checkAtMost('messages', messages.length, messagesPerRequest, 'messages');
  return messages.map((message, index) => toMessage(message, `messages[${index}]`));
}

function toMessage(message: Message, param: string): ChatMessage {
  const role = message.role === 'developer' ? 'system' : message.role;
  const calls = message.tool_calls ?? [];
  checkAtMost(`${param}.tool_calls`, calls.length, MESSAGE_TOOL_CALLS_MAX, 'calls');
  if (calls.length > 0 && role !== 'assistant') {
    throw invalidField(`${param}.tool_calls`, 'only messages of the assistant have calls');
  }
  const content = toContent(message.content, `${param}.content`);
  const reasoning = message.reasoning_content ?? message.reasoning;
  // An answer that was cut off while it was thinking has no content.
  const thought = role === 'assistant' && reasoning != null;
  if (content === null && calls.length === 0 && !thought) {
    throw invalidField(`${param}.content`, 'found null, allowed is a string or a list of parts');
  }
  return {
    role,
    content: content === null && calls.length === 0 ? '' : content,
    ...(message.name != null && { name: message.name }),
    ...(reasoning != null && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls.map(toToolCall) }),
    ...(message.tool_call_id != null && { tool_call_id: message.tool_call_id }),
  };
}

function toContent(content: unknown, param: string): string | null {
  if (content === undefined || content === null) return null;
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) {
    checkAtMost(param, content.length, CONTENT_PARTS_MAX, 'parts');
    return content.map((part, index) => partText(part, `${param}[${index}]`)).join(PART_SEPARATOR);
  }
  throw invalidField(
    param,
    `found ${describe(content)}, allowed is a string or a list of {"type":"text","text"} parts`,
  );
}

function partText(part: unknown, param: string): string {
  const { type, text } = (part ?? {}) as { readonly type?: unknown; readonly text?: unknown };
  if (typeof type === 'string' && type !== 'text') {
    throw new EtapError(
      'ETAP_ERR_NOT_SUPPORTED',
      `${param}.type: this model reads text only; send parts of the type "text"`,
      `${param}.type`,
    );
  }
  if (type === 'text' && typeof text === 'string') return text;
  throw invalidField(param, 'allowed is an object {"type":"text","text"} with a string as text');
}

type WireToolCall = NonNullable<Message['tool_calls']>[number];

const toToolCall = ({ id, function: called }: WireToolCall) => ({
  ...(id != null && { id }),
  type: 'function' as const,
  function: {
    name: called.name,
    arguments:
      typeof called.arguments === 'string' ? called.arguments : JSON.stringify(called.arguments),
  },
});
