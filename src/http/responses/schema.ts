/** Body of POST /v1/responses, which is also what a `response.create` event carries. */
import { type Static, Type } from 'typebox';
import {
  anything,
  boolean,
  dictionary,
  ignored,
  integer,
  list,
  modelField,
  oneOf,
  refused,
  requestFields,
  samplingFields,
  stopFields,
  string,
} from '../openai/index.ts';

const { priority, cache_salt, request_id, rid } = requestFields;

export const ResponsesBody = Type.Object({
  ...modelField,
  input: Type.Optional(
    oneOf([Type.String(), Type.Array(Type.Unsafe<object>({ type: 'object' })), Type.Null()], {
      expected: 'a string or a list of items',
      description: 'What is new: text of the user, or a list of items (docs/responses.md).',
    }),
  ),
  instructions: string('A system message in front of all else; not kept for later responses.'),
  previous_response_id: string('Go on from this response: its input and its output come first.', {
    minLength: 1,
  }),
  store: boolean('Keep the response for `GET` and `previous_response_id`; default true.'),
  stream: boolean('Answer as server-sent events.'),
  max_output_tokens: integer('Tokens of the answer, reasoning included.', { minimum: 1 }),
  ...samplingFields,
  ...stopFields,
  tools: list(Type.Unsafe<object>({ type: 'object' }), 'Functions the model may call.'),
  tool_choice: anything('`none`, `auto`, `required` or `{"type":"function","name"}`.'),
  parallel_tool_calls: boolean('False ends the answer after its first call.'),
  text: dictionary('`{"format"}`: `text`, `json_object`, or `json_schema` with `name`, `schema`.'),
  reasoning: dictionary('`{"effort"}`; other keys have no effect.'),
  include: list(Type.String(), 'With `message.output_text.logprobs`: log-probabilities.'),
  top_logprobs: integer('And of this many best tokens; only where `include` asks for them.', {
    minimum: 0,
  }),
  truncation: Type.Optional(
    Type.Unsafe<'auto' | 'disabled' | null>({
      enum: ['auto', 'disabled', null],
      description: '`auto` drops the oldest turns of a conversation that is too long.',
    }),
  ),
  metadata: dictionary('Up to 16 texts that are kept with the response.'),
  chat_template_kwargs: dictionary('Further variables of the template, e.g. `thinking`.'),
  priority,
  cache_salt,
  request_id,
  rid,
  background: refused('Responses end with their connection; false is accepted.'),
  conversation: refused('There are no conversations; `previous_response_id` chains responses.'),
  prompt: refused('There are no stored prompts.'),
  stream_options: ignored('No effect: usage is always part of the last event.'),
  max_tool_calls: ignored('No effect: tools are called by the client.'),
  user: ignored('Comes back with the response.'),
  safety_identifier: ignored('Comes back with the response.'),
  prompt_cache_key: ignored('Comes back; equal prompts share the cache by themselves.'),
  service_tier: ignored('No effect.'),
});
export type ResponsesBody = Static<typeof ResponsesBody>;
