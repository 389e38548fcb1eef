/**
 * What a chat template can do, found out by rendering small conversations with it. Templates differ
 * in what they expect of messages and in what they leave out; a template cannot be asked otherwise.
 */
import { CALL_BEGIN, CALL_SEPARATOR } from './output-markers.ts';

export type TemplateTraits = {
  /** Lists the tools that a request brings. */
  readonly listsTools: boolean;
  /** How calls are written: V3 and R1 with a kind and a fence, V3.1 with neither. */
  readonly callForm: 'v3' | 'v3.1';
  /** Wants the arguments of earlier calls as an object, not as JSON text. */
  readonly wantsArgumentsObject: boolean;
  /** What a message with calls must have where it has no content: some fail on null or write it. */
  readonly emptyContent: 'null' | 'text' | 'either';
};

/** Renders with these variables; null when the template refuses. */
type TryRender = (variables: Readonly<Record<string, unknown>>) => string | null;

const NAME = 'etap_probe_tool';
const ARGUMENT = 'etap_probe_argument';
const TOOL = {
  type: 'function',
  function: {
    name: NAME,
    description: '',
    parameters: { type: 'object', properties: { [ARGUMENT]: { type: 'string' } } },
  },
};
const QUESTION = { role: 'user', content: 'question' };

export function probeTemplate(tryRender: TryRender): TemplateTraits {
  const listed = tryRender({ messages: [QUESTION], tools: [TOOL], add_generation_prompt: true });
  const call = (content: string | null, args: unknown) =>
    tryRender({ messages: [QUESTION, calling(content, args)], add_generation_prompt: false });
  const eitherCall = (args: unknown) =>
    [call(null, args), call('', args)].find((rendered) => rendered?.includes(NAME)) ?? '';
  const object = { [ARGUMENT]: 1 };
  const text = JSON.stringify(object);
  const wantsArgumentsObject =
    !eitherCall(text).includes(text) && eitherCall(object).includes(ARGUMENT);
  const args = wantsArgumentsObject ? object : text;
  return {
    listsTools: listed?.includes(NAME) ?? false,
    callForm: callFormOf(eitherCall(args)),
    wantsArgumentsObject,
    emptyContent: emptyContentOf(call(null, args), call('', args)),
  };
}

function emptyContentOf(ofNull: string | null, ofText: string | null) {
  if (ofNull?.includes(NAME) && !ofText?.includes(NAME)) return 'null';
  return ofNull === ofText ? 'either' : 'text';
}

const calling = (content: string | null, args: unknown) => ({
  role: 'assistant',
  content,
  tool_calls: [{ id: 'call_1', type: 'function', function: { name: NAME, arguments: args } }],
});

/** V3.1 has the name in front of the separator; V3 has the word `function` there. */
function callFormOf(rendered: string): TemplateTraits['callForm'] {
  return rendered.includes(`${CALL_BEGIN}${NAME}${CALL_SEPARATOR}`) ? 'v3.1' : 'v3';
}
