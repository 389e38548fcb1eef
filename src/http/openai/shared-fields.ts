/** Fields that /v1/completions and /v1/chat/completions share. */
import { Type } from 'typebox';
import { CLIENT_ID_LENGTH_MAX, STOP_TOKEN_IDS_MAX } from '../limits.ts';
import {
  anything,
  boolean,
  dictionary,
  ignored,
  integer,
  list,
  number,
  oneOf,
  refused,
  string,
  tokenId,
} from './field.ts';

/** Priority classes: 0 is served first. */
const PRIORITY_MAX = 7;
export const PRIORITY_DEFAULT = 3;

export const modelField = {
  model: string('Name of the served model, as `/v1/models` lists it; may be left out.'),
};

/** How tokens are chosen. */
export const samplingFields = {
  temperature: number('0 is greedy; default is that of generation_config.json, else 1.', {
    minimum: 0,
    maximum: 2,
  }),
  top_p: number('Smallest set of tokens with this probability; 0 keeps one token, 1 all.', {
    minimum: 0,
    maximum: 1,
  }),
  top_k: integer('The k most likely tokens; 0 or -1 keeps all.', { minimum: -1 }),
  min_p: number('Tokens with at least this share of the best probability; 0 keeps all.', {
    minimum: 0,
    maximum: 1,
  }),
  repetition_penalty: number('Over prompt and completion; 1 is off.', {
    exclusiveMinimum: 0,
    maximum: 10,
  }),
  frequency_penalty: number('Times the count among completion tokens; 0 is off.', {
    minimum: -2,
    maximum: 2,
  }),
  presence_penalty: number('Once for each token among completion tokens; 0 is off.', {
    minimum: -2,
    maximum: 2,
  }),
  seed: integer('Equal requests with equal seeds give equal tokens; choice k uses seed + k.'),
  logit_bias: dictionary('Token id to bias from -100 to 100.'),
  allowed_token_ids: list(tokenId(), 'Only these ids may be sampled.', { minItems: 1 }),
};

/** When a completion ends. */
export const stopFields = {
  stop: Type.Optional(
    oneOf([Type.String(), Type.Array(Type.String()), Type.Null()], {
      expected: 'a string, a list of strings or null',
      description: 'Text that ends the completion, also across token borders.',
    }),
  ),
  include_stop_str_in_output: boolean('Keep the stop string, or the text of the stop token.'),
  stop_token_ids: list(tokenId(), 'Ids that end the completion.', { maxItems: STOP_TOKEN_IDS_MAX }),
  ignore_eos: boolean('Go on after the end-of-sequence token.'),
  min_tokens: integer('No stop token or stop string before this many tokens.', { minimum: 0 }),
};

/** How many answers, in which order of service, and in what form. */
export const requestFields = {
  n: integer('Completions of each prompt.', { minimum: 1 }),
  best_of: integer('Accepted where it equals `n`: there is no ranking.', { minimum: 1 }),
  stream: boolean('Answer as server-sent events.'),
  stream_options: Type.Optional(
    Type.Unsafe<{
      readonly include_usage?: boolean | null;
      readonly continuous_usage_stats?: boolean | null;
    } | null>({
      type: ['object', 'null'],
      description:
        '`include_usage`: one more chunk with the usage; `continuous_usage_stats`: usage on ' +
        'every chunk. Only with `stream`.',
      properties: {
        include_usage: { type: ['boolean', 'null'] },
        continuous_usage_stats: { type: ['boolean', 'null'] },
      },
    }),
  ),
  priority: integer('Class of service: 0 is served first; default 3.', {
    minimum: 0,
    maximum: PRIORITY_MAX,
  }),
  cache_salt: string('Divides the prefix cache: only equal salts share blocks.', {
    maxLength: CLIENT_ID_LENGTH_MAX,
  }),
  request_id: string('Name by which `/abort_request` finds the request.', {
    minLength: 1,
    maxLength: CLIENT_ID_LENGTH_MAX,
  }),
  rid: string('The same, under its SGLang name.', {
    minLength: 1,
    maxLength: CLIENT_ID_LENGTH_MAX,
  }),
  truncate_prompt_tokens: integer('Keep only this many tokens of the end of the prompt.', {
    minimum: 1,
  }),
  add_special_tokens: boolean(
    'Put the beginning-of-sequence token in front; default true for prompts, false for chats.',
  ),
  skip_special_tokens: boolean('Leave special tokens out of the text; default true.'),
  prompt_logprobs: integer('Log-probabilities of the prompt; not with `stream`.', { minimum: 0 }),
  return_token_ids: boolean('Add the token ids of prompt and completion.'),
  return_tokens_as_token_ids: boolean('Write tokens in log-probabilities as `token_id:ID`.'),
  user: ignored('No effect.'),
  metadata: ignored('No effect.'),
  store: ignored('No effect: answers are not stored.'),
  service_tier: ignored('No effect.'),
  safety_identifier: ignored('No effect.'),
  prompt_cache_key: ignored('No effect: equal prompts share the cache by themselves.'),
};

/** What the text must be; one of them at most. */
export const grammarFields = {
  response_format: dictionary(
    '`{"type":"text"}`, `{"type":"json_object"}` or `{"type":"json_schema","json_schema":{"schema"}}`; ' +
      'enforced token by token, with or without `strict`.',
  ),
  structured_outputs: dictionary(
    'One of `json` (a schema), `json_object`, `regex`, `choice` (a list of texts) and `grammar` (EBNF).',
  ),
  json_schema: anything('A schema, under its llama.cpp and SGLang name.'),
  guided_json: anything('A schema, under its older vLLM name.'),
  regex: string('The whole text matches this pattern, in ECMAScript syntax.'),
  guided_regex: string('The same, under its older vLLM name.'),
  choice: list(Type.String(), 'The text is one of these.'),
  guided_choice: list(Type.String(), 'The same, under its older vLLM name.'),
  grammar: string('The text follows this grammar, in EBNF (GBNF).'),
  ebnf: string('The same, under its SGLang name.'),
  guided_grammar: string('The same, under its older vLLM name.'),
};

/** Fields whose values would change the answer in ways this build cannot: see unsupported.ts. */
export const unsupportedFields = {
  structural_tag: refused('Grammars within free text are not there; use `response_format`.'),
  bad_words: refused('Words of several tokens cannot be banned; `logit_bias` bans single tokens.'),
  use_beam_search: refused('There is no beam search; false is accepted.'),
  length_penalty: refused('There is no beam search; 1 is accepted.'),
  logits_processors: refused('Code from requests is never run.'),
};
