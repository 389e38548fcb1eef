/** Tools of a chat, as clients send them. */
import { type Static, Type } from 'typebox';
import { boolean, dictionary, list, oneOf, string } from './field.ts';

/** Tools of one request. */
const TOOLS_MAX = 512;

const Tool = Type.Object({
  type: Type.Enum(['function']),
  function: Type.Object({
    name: Type.String({ description: 'What the model calls it by.' }),
    description: string('When and how to use it.'),
    parameters: dictionary('JSON Schema of its arguments.'),
    strict: boolean(
      'Hold the arguments to the schema; false holds them only in calls that are forced.',
    ),
  }),
});
export type Tool = Static<typeof Tool>;

const NamedTool = Type.Object({
  type: Type.Enum(['function']),
  function: Type.Object({ name: Type.String() }),
});

const toolChoice = oneOf([Type.Enum(['none', 'auto', 'required']), NamedTool, Type.Null()], {
  expected: '`none`, `auto`, `required` or {"type":"function","function":{"name"}}',
  description:
    '`none`: the model is told of no tool. `auto`, the default: it decides. `required` and a ' +
    'named tool: it must call, with arguments of the schema.',
});
export type ToolChoice = NonNullable<Static<typeof toolChoice>>;

export const toolsField = {
  tools: list(Tool, 'Functions that the model may call.', { maxItems: TOOLS_MAX }),
};

export const toolUseFields = {
  tool_choice: Type.Optional(toolChoice),
  parallel_tool_calls: boolean('False ends the answer behind its first call; default true.'),
};
