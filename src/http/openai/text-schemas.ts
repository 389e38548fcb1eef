/** Bodies of the routes about text: /tokenize, /detokenize, /apply-template; and /abort_request. */
import { type Static, Type } from 'typebox';
import { CLIENT_ID_LENGTH_MAX } from '../limits.ts';
import { boolean, tokenId } from './field.ts';
import { Message, templateFields } from './schemas.ts';
import { modelField } from './shared-fields.ts';

export const TemplateBody = Type.Object({ ...modelField, ...templateFields });
export type TemplateBody = Static<typeof TemplateBody>;

export const TokenizeBody = Type.Object({
  ...modelField,
  prompt: Type.Optional(Type.String({ description: 'Text to cut into tokens.' })),
  ...templateFields,
  messages: Type.Optional(
    Type.Array(Message, {
      minItems: 1,
      description: 'A conversation, in place of `prompt`: rendered, then cut into tokens.',
    }),
  ),
  add_special_tokens: boolean(
    'Put the beginning-of-sequence token in front; default true for `prompt`, else false.',
  ),
  return_token_strs: boolean('Also give each token as text.'),
});
export type TokenizeBody = Static<typeof TokenizeBody>;

export const DetokenizeBody = Type.Object({
  ...modelField,
  tokens: Type.Array(tokenId(), { description: 'Token ids.' }),
});
export type DetokenizeBody = Static<typeof DetokenizeBody>;

export const AbortBody = Type.Object({
  rid: Type.String({
    minLength: 1,
    maxLength: CLIENT_ID_LENGTH_MAX,
    description: 'The `id` of the answer, the `request_id` sent with it, or its `x-request-id`.',
  }),
});
export type AbortBody = Static<typeof AbortBody>;
