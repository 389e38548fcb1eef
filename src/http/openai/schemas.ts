/** Bodies of /v1/completions and /v1/chat/completions. Unknown fields are ignored. */
import { type Static, Type } from 'typebox';
import { anything, boolean, dictionary, ignored, integer, oneOf, refused } from './field.ts';
import { reasoningFields } from './reasoning.ts';
import {
  grammarFields,
  modelField,
  requestFields,
  samplingFields,
  stopFields,
  unsupportedFields,
} from './shared-fields.ts';
import { toolsField, toolUseFields } from './tool-schemas.ts';

const wholeNumbers = Type.Array(Type.Integer());

export const CompletionBody = Type.Object({
  ...modelField,
  prompt: oneOf(
    [Type.String(), Type.Array(Type.String()), wholeNumbers, Type.Array(wholeNumbers)],
    {
      expected: 'a string, a list of strings, a list of token ids or a list of such lists',
      description:
        'Text or token ids, one prompt or several. Special tokens in a text become their ids.',
    },
  ),
  max_tokens: integer('Tokens of a completion; default 16. 0 only with `echo`.', { minimum: 0 }),
  ...samplingFields,
  ...stopFields,
  logprobs: integer('Log-probabilities of each token and of this many best ones.', { minimum: 0 }),
  echo: boolean('Put the prompt in front of the completion.'),
  ...grammarFields,
  ...requestFields,
  suffix: refused('There is no filling in of the middle; an empty string is accepted.'),
  prompt_embeds: refused('Prompts are text or token ids.'),
  ...unsupportedFields,
});
export type CompletionBody = Static<typeof CompletionBody>;

export const MESSAGE_ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

const ToolCall = Type.Object({
  id: Type.Optional(Type.Unsafe<string | null>({ type: ['string', 'null'] })),
  type: Type.Optional(Type.Enum(['function'])),
  function: Type.Object({
    name: Type.String(),
    arguments: oneOf([Type.String(), Type.Unsafe<object>({ type: 'object' })], {
      expected: 'JSON text or an object',
      description: 'Arguments of the call.',
    }),
  }),
});

export const Message = Type.Object({
  role: Type.Enum([...MESSAGE_ROLES], { description: '`developer` is read as `system`.' }),
  content: anything('Text, or a list of `{"type":"text","text"}` parts.'),
  name: Type.Optional(
    Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Name of the speaker.' }),
  ),
  reasoning_content: Type.Optional(
    Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'Earlier thinking of the assistant; the template decides what becomes of it.',
    }),
  ),
  reasoning: Type.Optional(
    Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'The same under its other name.',
    }),
  ),
  tool_calls: Type.Optional(
    Type.Unsafe<readonly Static<typeof ToolCall>[] | null>({
      type: ['array', 'null'],
      items: ToolCall,
      description: 'Earlier calls of the assistant; `arguments` as JSON text or as an object.',
    }),
  ),
  tool_call_id: Type.Optional(
    Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'The call that a `tool` message answers.',
    }),
  ),
});
export type Message = Static<typeof Message>;

/** Fields that say how a conversation becomes a prompt. */
export const templateFields = {
  messages: Type.Array(Message, { minItems: 1, description: 'The conversation.' }),
  add_generation_prompt: boolean('End the prompt where the assistant speaks; default true.'),
  continue_final_message: boolean('Go on with the last message instead of answering it.'),
  chat_template_kwargs: dictionary('Further variables of the template, e.g. `thinking`.'),
  ...toolsField,
  ...reasoningFields,
  chat_template: refused('A template is a program: it comes from the model folder alone.'),
  documents: refused('Documents are not there; put them into a message.'),
};

export const ChatBody = Type.Object({
  ...modelField,
  ...templateFields,
  max_tokens: integer('Tokens of a completion; default is what the context leaves.', {
    minimum: 1,
  }),
  max_completion_tokens: integer('The same; wins over `max_tokens`.', { minimum: 1 }),
  ...samplingFields,
  ...stopFields,
  logprobs: boolean('Log-probabilities of each token.'),
  top_logprobs: integer('And of this many best ones; only with `logprobs`.', { minimum: 0 }),
  ...grammarFields,
  ...requestFields,
  ...toolUseFields,
  functions: refused('The old form of `tools`; an empty list is accepted.'),
  function_call: refused('The old form of `tool_choice`; `none` and `auto` are accepted.'),
  echo: refused('Only on `/v1/completions`; false is accepted.'),
  modalities: refused('Text is the only modality; `["text"]` is accepted.'),
  audio: refused('Text is the only modality.'),
  web_search_options: refused('There is no web search.'),
  prediction: ignored('No effect on the answer.'),
  verbosity: ignored('No effect.'),
  ...unsupportedFields,
});
export type ChatBody = Static<typeof ChatBody>;
