/**
 * A response in the words of a chat, so that both are validated, rendered and sampled by the same code.
 * What is said of a field is told back under the name it has here.
 */
import { EtapError } from '../../errors.ts';
import type { GenerationRequest } from '../generation-request.ts';
import {
  type ChatBody,
  chatToRequest,
  describe,
  invalidField,
  type RequestContext,
} from '../openai/index.ts';
import { chatHistory } from './chat-history.ts';
import type { Item } from './items.ts';
import type { ResponsesBody } from './schema.ts';

/** Asked for in `include`. */
const LOGPROBS = 'message.output_text.logprobs';

type Message = ChatBody['messages'][number];
type Fields = Readonly<Record<string, unknown>>;

/** @param items the whole conversation. Throws EtapError. */
export async function responseToRequest(
  body: ResponsesBody,
  items: readonly Item[],
  context: RequestContext,
): Promise<GenerationRequest> {
  const fields = chatFields(body);
  const messages = chatHistory(items);
  const head: Message[] =
    body.instructions == null ? [] : [{ role: 'system', content: body.instructions }];
  if (head.length + messages.length === 0) throw invalidField('input', 'this field is required');
  const attempt = (kept: readonly Message[]) =>
    chatToRequest({ ...fields, messages: [...head, ...kept] } as ChatBody, context);
  try {
    return body.truncation === 'auto'
      ? await withoutOldest(messages, attempt)
      : await attempt(messages);
  } catch (error) {
    throw error instanceof EtapError ? inOurWords(error) : error;
  }
}

/** Tries with fewer and fewer messages until they fit: at most the logarithm of their number. */
async function withoutOldest(
  messages: readonly Message[],
  attempt: (kept: readonly Message[]) => Promise<GenerationRequest>,
): Promise<GenerationRequest> {
  for (let dropped = 0; ; dropped = Math.max(1, 2 * dropped)) {
    const kept = fromUserTurn(messages, dropped);
    try {
      return await attempt(kept);
    } catch (error) {
      const tooLong = error instanceof EtapError && error.code === 'ETAP_ERR_CONTEXT_LENGTH';
      if (!tooLong || kept.length <= 1 || dropped >= messages.length) throw error;
    }
  }
}

/** The last messages, from where a user speaks: calls and their results stay together. */
function fromUserTurn(messages: readonly Message[], dropped: number): readonly Message[] {
  if (dropped === 0) return messages;
  const start = messages.findIndex(({ role }, index) => index >= dropped && role === 'user');
  return start < 0 ? messages.slice(-1) : messages.slice(start);
}

/** Everything but the conversation. */
function chatFields(body: ResponsesBody): Fields {
  const logprobs = body.include?.includes(LOGPROBS) === true;
  const { input, instructions, include, text, reasoning, tools, tool_choice, ...same } = body;
  return {
    ...same,
    stream: false,
    stream_options: null,
    store: null,
    max_completion_tokens: body.max_output_tokens,
    logprobs,
    top_logprobs: logprobs ? (body.top_logprobs ?? 0) : null,
    ...(tools != null && tools.length > 0 && { tools: tools.map(toChatTool) }),
    ...(tool_choice != null && { tool_choice: toChatToolChoice(tool_choice) }),
    ...(reasoning?.effort != null && { reasoning_effort: checkedEffort(reasoning.effort) }),
    ...responseFormat(text?.format),
  };
}

function toChatTool(tool: object, index: number): object {
  const { type, ...called } = tool as Fields;
  if (type === 'function') return { type, function: checkedFunction(called, `tools[${index}]`) };
  throw new EtapError(
    'ETAP_ERR_NOT_SUPPORTED',
    `tools[${index}].type: supported is "function"; other tools have no place to run here`,
    `tools[${index}].type`,
  );
}

/** The schema of a body lets any object be a tool: most kinds are not for us to know. */
function checkedFunction(called: Fields, param: string): Fields {
  const { name, description, parameters, strict } = called;
  const check = (field: string, value: unknown, isAllowed: boolean, allowed: string) => {
    if (isAllowed) return;
    throw invalidField(`${param}.${field}`, `found ${describe(value)}, allowed is ${allowed}`);
  };
  check('name', name, typeof name === 'string', 'a string');
  check('description', description, typeof (description ?? '') === 'string', 'a string');
  const isSchema = typeof (parameters ?? {}) === 'object' && !Array.isArray(parameters);
  check('parameters', parameters, isSchema, 'an object');
  check('strict', strict, typeof (strict ?? false) === 'boolean', 'true or false');
  return Object.fromEntries(Object.entries(called).filter(([, value]) => value !== null));
}

const TOOL_CHOICES: readonly unknown[] = ['none', 'auto', 'required'];

function toChatToolChoice(choice: unknown): unknown {
  if (TOOL_CHOICES.includes(choice)) return choice;
  const { type, name } = choice as Fields;
  if (type === 'function' && typeof name === 'string') return { type, function: { name } };
  throw new EtapError(
    'ETAP_ERR_NOT_SUPPORTED',
    'tool_choice: supported are "none", "auto", "required" and {"type":"function","name"}',
    'tool_choice',
  );
}

function checkedEffort(effort: unknown): string {
  if (typeof effort === 'string') return effort;
  throw invalidField('reasoning.effort', `found ${describe(effort)}, allowed is a string`);
}

function responseFormat(format: unknown): Fields {
  if (format === undefined || format === null) return {};
  if (typeof format !== 'object') throw invalidField('text.format', 'allowed is an object');
  const { type, ...rest } = format as Fields;
  if (type === 'json_schema') return { response_format: { type, json_schema: rest } };
  return { response_format: { type } };
}

/** Chat fields by the names they have in a response; the longest first. */
const OUR_NAMES: readonly (readonly [string, string])[] = [
  ['response_format.json_schema', 'text.format'],
  ['response_format', 'text.format'],
  ['max_completion_tokens', 'max_output_tokens'],
  ['reasoning_effort', 'reasoning.effort'],
  ['tool_choice.function', 'tool_choice'],
  ['messages', 'input'],
];

function inOurWords(error: EtapError): EtapError {
  const { param } = error;
  const renamed = OUR_NAMES.find(([name]) => param?.startsWith(name));
  if (param === null || renamed === undefined) return error;
  const [theirs, ours] = renamed;
  const rename = (text: string) =>
    text.startsWith(theirs) ? ours + text.slice(theirs.length) : text;
  return new EtapError(error.code, rename(error.message), rename(param));
}
