/** The `input` of a body as items: known types, flat text, an id for each. */
import { randomBytes } from 'node:crypto';
import { EtapError } from '../../errors.ts';
import { describe, invalidField } from '../openai/index.ts';
import type { InputText, Item, MessageItem, OutputText } from './items.ts';

type WireItem = Readonly<Record<string, unknown>>;
/** Finds an item that was said before, by its id. */
export type FindItem = (id: string) => Item | null;

/** Each is looked up among what is stored, which costs a read. */
const ITEM_REFERENCES_MAX = 64;

const ROLES: readonly unknown[] = ['user', 'assistant', 'system', 'developer'];

/** Throws EtapError ETAP_ERR_INVALID_REQUEST, ETAP_ERR_NOT_SUPPORTED. */
export function toInputItems(
  input: string | readonly object[] | null | undefined,
  findItem: FindItem,
): Item[] {
  if (input === undefined || input === null) return [];
  if (typeof input === 'string') {
    const content: InputText[] = [{ type: 'input_text', text: input }];
    return [{ id: newItemId('msg'), type: 'message', role: 'user', status: 'completed', content }];
  }
  const items = input as readonly WireItem[];
  const referenceCount = items.filter(({ type }) => type === 'item_reference').length;
  if (referenceCount > ITEM_REFERENCES_MAX) {
    throw invalidField(
      'input',
      `found ${referenceCount} items of type item_reference, allowed are at most ` +
        `${ITEM_REFERENCES_MAX}; go on from a response by previous_response_id`,
    );
  }
  return items.map((item, index) => toItem(item, `input[${index}]`, findItem));
}

export const newItemId = (prefix: string): string => `${prefix}_${randomBytes(16).toString('hex')}`;

function toItem(item: WireItem, param: string, findItem: FindItem): Item {
  // Messages may leave their type out.
  switch (item.type ?? 'message') {
    case 'message':
      return toMessage(item, param);
    case 'function_call':
      return {
        id: idOf(item, 'fc'),
        type: 'function_call',
        call_id: textOf(item, 'call_id', param),
        name: textOf(item, 'name', param),
        arguments: textOf(item, 'arguments', param),
        status: 'completed',
      };
    case 'function_call_output':
      return {
        id: idOf(item, 'fco'),
        type: 'function_call_output',
        call_id: textOf(item, 'call_id', param),
        output: outputText(item.output, `${param}.output`),
        status: 'completed',
      };
    case 'reasoning':
      return toReasoning(item, param);
    case 'item_reference':
      return referenced(textOf(item, 'id', param), param, findItem);
    default:
      throw new EtapError(
        'ETAP_ERR_NOT_SUPPORTED',
        `${param}.type: supported are message, function_call, function_call_output, reasoning and ` +
          'item_reference',
        `${param}.type`,
      );
  }
}

function toMessage(item: WireItem, param: string): MessageItem {
  if (!ROLES.includes(item.role)) {
    throw invalidField(
      `${param}.role`,
      `found ${describe(item.role)}, allowed is one of ${ROLES.join(', ')}`,
    );
  }
  const role = item.role as MessageItem['role'];
  const texts = partTexts(item.content, `${param}.content`);
  const content =
    role === 'assistant'
      ? texts.map(
          (text): OutputText => ({ type: 'output_text', text, annotations: [], logprobs: [] }),
        )
      : texts.map((text): InputText => ({ type: 'input_text', text }));
  return { id: idOf(item, 'msg'), type: 'message', role, status: 'completed', content };
}

/** Earlier thinking: as we wrote it, or as other servers summarize theirs. */
function toReasoning(item: WireItem, param: string): Item {
  const shown = item.content ?? item.summary ?? [];
  const texts = partTexts(shown, `${param}.content`);
  return {
    id: idOf(item, 'rs'),
    type: 'reasoning',
    summary: [],
    content: texts.map((text) => ({ type: 'reasoning_text', text })),
    status: 'completed',
  };
}

function referenced(id: string, param: string, findItem: FindItem): Item {
  const item = findItem(id);
  if (item !== null) return item;
  throw new EtapError(
    'ETAP_ERR_RESPONSE_NOT_FOUND',
    `${param}.id: no item of this id is stored; send the item itself`,
    `${param}.id`,
  );
}

function outputText(output: unknown, param: string): string {
  return typeof output === 'string' ? output : partTexts(output, param).join('');
}

const TEXT_PARTS: readonly unknown[] = [
  'input_text',
  'output_text',
  'text',
  'reasoning_text',
  'summary_text',
];

function partTexts(content: unknown, param: string): string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) {
    throw invalidField(param, `found ${describe(content)}, allowed is a string or a list of parts`);
  }
  return content.map((part, index) => partText(part, `${param}[${index}]`));
}

function partText(part: unknown, param: string): string {
  const { type, text, refusal } = (part ?? {}) as Readonly<Record<string, unknown>>;
  if (TEXT_PARTS.includes(type) && typeof text === 'string') return text;
  if (type === 'refusal' && typeof refusal === 'string') return refusal;
  if (typeof type === 'string' && !TEXT_PARTS.includes(type)) {
    throw new EtapError(
      'ETAP_ERR_NOT_SUPPORTED',
      `${param}.type: this model reads text only; send parts of the type "input_text"`,
      `${param}.type`,
    );
  }
  throw invalidField(param, 'allowed is an object with a type and a string as text');
}

function textOf(item: WireItem, field: string, param: string): string {
  const value = item[field];
  if (typeof value === 'string') return value;
  throw invalidField(`${param}.${field}`, `found ${describe(value)}, allowed is a string`);
}

const ID_LENGTH_MAX = 256;

function idOf({ id }: WireItem, prefix: string): string {
  const usable = typeof id === 'string' && id !== '' && id.length <= ID_LENGTH_MAX;
  return usable ? id : newItemId(prefix);
}
