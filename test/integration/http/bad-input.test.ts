/** Every kind of bad input gets the right 4xx as a nested error, and the next request works. */
import { afterAll, describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';
import { ENGINE_INFO } from '../../support/scripted-engine.ts';

const limits = { messagesPerRequest: 40, allowedTokenIds: 40 };
const { app, engine, text } = testServer({
  script: saying('fine', EOS_ID),
  config: { limits },
});
afterAll(() => app.close());

const CHAT = '/v1/chat/completions';
const COMPLETIONS = '/v1/completions';
const VOCAB = ENGINE_INFO.vocabSize;
const CONTEXT = ENGINE_INFO.maxModelLen;

const messages = [{ role: 'user', content: 'hi' }];
const chat = (fields: object) => ({ url: CHAT, payload: { messages, ...fields } });
const completion = (fields: object) => ({ url: COMPLETIONS, payload: { prompt: 'hi', ...fields } });
const raw = (payload: string | Buffer) => ({ url: CHAT, payload });
const tool = (name: string) => ({ type: 'function', function: { name } });
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

type Case = {
  readonly url: string;
  readonly payload: object | string | Buffer;
  readonly contentType?: string;
};
type Expected = {
  readonly status?: number;
  readonly param?: string | null;
  readonly code?: string;
};

const CASES: readonly (readonly [string, Case, Expected])[] = [
  // The body as a whole.
  ['an empty body', raw(''), {}],
  ['malformed JSON', raw('{"messages":'), {}],
  ['NaN', raw('{"messages":[],"temperature":NaN}'), {}],
  ['a body that is a list', raw('[]'), {}],
  ['a body that is a string', raw('"hi"'), {}],
  ['a body that is null', raw('null'), {}],
  ['JSON nested 65 deep', raw(nested(65)), {}],
  ['JSON nested 40,000 deep', raw(nested(40_000)), {}],
  ['nesting in an unknown field', raw(`{"x":${nested(70)}}`), {}],
  ['bytes that are not UTF-8', raw(Buffer.from([0x22, 0xff, 0xfe, 0x22])), {}],
  ['a lone surrogate', raw('{"messages":[{"role":"user","content":"\\ud800"}]}'), {}],
  ['a lone surrogate in a key', raw('{"\\udc00":1,"messages":[]}'), {}],
  [
    'another content type',
    { ...chat({}), contentType: 'text/plain' },
    { status: 415, code: 'unsupported_media_type' },
  ],
  [
    'a body larger than the context allows',
    completion({ prompt: 'x'.repeat(16 * CONTEXT + 64 * 1024) }),
    { status: 413, code: 'body_too_large' },
  ],

  // Numbers.
  ['temperature as text', chat({ temperature: '0.7' }), { param: 'temperature' }],
  ['a negative temperature', chat({ temperature: -1 }), { param: 'temperature' }],
  ['a huge temperature', chat({ temperature: 999_999 }), { param: 'temperature' }],
  [
    '1e999',
    raw('{"messages":[{"role":"user","content":"hi"}],"temperature":1e999}'),
    { param: 'temperature' },
  ],
  [
    '-1e999',
    raw('{"messages":[{"role":"user","content":"hi"}],"top_p":-1e999}'),
    { param: 'top_p' },
  ],
  ['top_p above 1', chat({ top_p: 1.5 }), { param: 'top_p' }],
  ['a negative min_p', chat({ min_p: -0.1 }), { param: 'min_p' }],
  ['top_k of -2', chat({ top_k: -2 }), { param: 'top_k' }],
  ['a fractional top_k', chat({ top_k: 1.5 }), { param: 'top_k' }],
  ['repetition_penalty of 0', chat({ repetition_penalty: 0 }), { param: 'repetition_penalty' }],
  ['frequency_penalty of 3', chat({ frequency_penalty: 3 }), { param: 'frequency_penalty' }],
  ['presence_penalty of true', chat({ presence_penalty: true }), { param: 'presence_penalty' }],
  [
    'a seed beyond the safe integers',
    raw('{"messages":[{"role":"user","content":"hi"}],"seed":9007199254740993}'),
    { param: 'seed' },
  ],
  ['max_tokens of 0', chat({ max_tokens: 0 }), { param: 'max_tokens' }],
  ['max_tokens of 0 without echo', completion({ max_tokens: 0 }), { param: 'max_tokens' }],
  [
    'negative max_completion_tokens',
    chat({ max_completion_tokens: -5 }),
    { param: 'max_completion_tokens' },
  ],
  [
    'max_tokens beyond the context',
    chat({ max_tokens: CONTEXT }),
    { param: null, code: 'context_length_exceeded' },
  ],
  ['max_tokens of 2^53', chat({ max_tokens: 2 ** 53 }), { param: 'max_tokens' }],
  ['min_tokens above max_tokens', chat({ max_tokens: 3, min_tokens: 4 }), { param: 'min_tokens' }],
  ['n of 0', chat({ n: 0 }), { param: 'n' }],
  ['n of a million', chat({ n: 1_000_000 }), { param: 'n' }],
  ['best_of unlike n', completion({ n: 1, best_of: 2 }), { param: 'best_of' }],
  ['a priority of 8', chat({ priority: 8 }), { param: 'priority' }],
  [
    'truncate_prompt_tokens of 0',
    chat({ truncate_prompt_tokens: 0 }),
    { param: 'truncate_prompt_tokens' },
  ],

  // Log-probabilities.
  ['logprobs of a million', completion({ logprobs: 1_000_000 }), { param: 'logprobs' }],
  ['logprobs of -1', completion({ logprobs: -1 }), { param: 'logprobs' }],
  ['logprobs as a number in a chat', chat({ logprobs: 3 }), { param: 'logprobs' }],
  ['top_logprobs without logprobs', chat({ top_logprobs: 3 }), { param: 'top_logprobs' }],
  ['top_logprobs of 21', chat({ logprobs: true, top_logprobs: 21 }), { param: 'top_logprobs' }],
  ['prompt_logprobs of -1', completion({ prompt_logprobs: -1 }), { param: 'prompt_logprobs' }],
  [
    'prompt_logprobs of a stream',
    completion({ prompt_logprobs: 1, stream: true }),
    { param: 'prompt_logprobs' },
  ],

  // Token ids.
  ['a prompt id of -1', completion({ prompt: [1, -1] }), { param: 'prompt' }],
  ['a prompt id equal to the vocabulary', completion({ prompt: [VOCAB] }), { param: 'prompt' }],
  ['a prompt id of 2^31', completion({ prompt: [2 ** 31] }), { param: 'prompt' }],
  ['a fractional prompt id', completion({ prompt: [1.5] }), { param: 'prompt' }],
  ['a null among prompt ids', completion({ prompt: [1, null] }), { param: 'prompt' }],
  ['stop_token_ids of [null]', chat({ stop_token_ids: [null] }), { param: 'stop_token_ids[0]' }],
  [
    'stop_token_ids beyond the vocabulary',
    chat({ stop_token_ids: [VOCAB] }),
    { param: 'stop_token_ids' },
  ],
  ['stop_token_ids as a number', chat({ stop_token_ids: 5 }), { param: 'stop_token_ids' }],
  ['257 stop_token_ids', chat({ stop_token_ids: Array(257).fill(1) }), { param: 'stop_token_ids' }],
  [
    '41 allowed_token_ids where 40 are allowed',
    chat({ allowed_token_ids: Array(41).fill(1) }),
    { param: 'allowed_token_ids' },
  ],
  ['no allowed_token_ids', chat({ allowed_token_ids: [] }), { param: 'allowed_token_ids' }],
  [
    'allowed_token_ids beyond the vocabulary',
    chat({ allowed_token_ids: [VOCAB] }),
    { param: 'allowed_token_ids' },
  ],
  ['logit_bias with a word as key', chat({ logit_bias: { hello: 1 } }), { param: 'logit_bias' }],
  [
    'logit_bias beyond the vocabulary',
    chat({ logit_bias: { [VOCAB]: 1 } }),
    { param: 'logit_bias' },
  ],
  ['logit_bias of 101', chat({ logit_bias: { 1: 101 } }), { param: 'logit_bias' }],
  ['logit_bias of null', chat({ logit_bias: { 1: null } }), { param: 'logit_bias' }],
  [
    'logit_bias of 1e999',
    raw('{"messages":[{"role":"user","content":"hi"}],"logit_bias":{"1":1e999}}'),
    { param: 'logit_bias' },
  ],
  ['logit_bias as a list', chat({ logit_bias: [1] }), { param: 'logit_bias' }],
  [
    '1,025 entries of logit_bias',
    chat({ logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, id) => [id, 1])) }),
    { param: 'logit_bias' },
  ],

  // Prompts and messages.
  ['no prompt', { url: COMPLETIONS, payload: {} }, { param: 'prompt' }],
  ['an empty prompt', completion({ prompt: '' }), { param: 'prompt' }],
  ['no prompt in a list', completion({ prompt: [] }), { param: 'prompt' }],
  ['an empty prompt in a list', completion({ prompt: ['a', ''] }), { param: 'prompt' }],
  ['an empty list of ids', completion({ prompt: [[1], []] }), { param: 'prompt' }],
  ['texts and ids mixed', completion({ prompt: ['a', 1] }), { param: 'prompt' }],
  ['a prompt that is an object', completion({ prompt: {} }), { param: 'prompt' }],
  [
    'a prompt longer than the context',
    completion({ prompt: 'x'.repeat(CONTEXT + 1) }),
    { param: null, code: 'context_length_exceeded' },
  ],
  ['17 prompts', completion({ prompt: Array(17).fill('a') }), { param: 'prompt' }],
  ['too many prompts times n', completion({ prompt: Array(16).fill('a'), n: 8 }), { param: 'n' }],
  ['no messages', { url: CHAT, payload: {} }, { param: 'messages' }],
  ['an empty list of messages', chat({ messages: [] }), { param: 'messages' }],
  [
    '41 messages where 40 are allowed',
    chat({ messages: Array(41).fill(messages[0]) }),
    { param: 'messages' },
  ],
  [
    '41 messages to tokenize',
    { url: '/tokenize', payload: { messages: Array(41).fill(messages[0]) } },
    { param: 'messages' },
  ],
  [
    '1,025 parts of a message',
    chat({ messages: [{ role: 'user', content: Array(1025).fill({ type: 'text', text: 'a' }) }] }),
    { param: 'messages[0].content' },
  ],
  [
    '257 calls in a message',
    chat({
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: Array(257).fill({ function: { name: 'f', arguments: '{}' } }),
        },
      ],
    }),
    { param: 'messages[0].tool_calls' },
  ],
  ['messages as text', chat({ messages: 'hi' }), { param: 'messages' }],
  ['a message that is null', chat({ messages: [null] }), { param: 'messages[0]' }],
  [
    'an unknown role',
    chat({ messages: [{ role: 'wizard', content: 'hi' }] }),
    { param: 'messages[0].role' },
  ],
  [
    'a message without a role',
    chat({ messages: [{ content: 'hi' }] }),
    { param: 'messages[0].role' },
  ],
  [
    'a message without content',
    chat({ messages: [{ role: 'user' }] }),
    { param: 'messages[0].content' },
  ],
  [
    'content that is null',
    chat({ messages: [{ role: 'user', content: null }] }),
    { param: 'messages[0].content' },
  ],
  [
    'content that is a number',
    chat({ messages: [{ role: 'user', content: 5 }] }),
    { param: 'messages[0].content' },
  ],
  [
    'a part without text',
    chat({ messages: [{ role: 'user', content: [{ type: 'text' }] }] }),
    { param: 'messages[0].content[0]' },
  ],
  [
    'an image',
    chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }),
    { param: 'messages[0].content[0].type', code: 'unsupported_parameter' },
  ],
  [
    'a tool call of the user',
    chat({
      messages: [
        { role: 'user', content: 'a', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] },
      ],
    }),
    { param: 'messages[0].tool_calls' },
  ],
  [
    'both prompt flags',
    chat({ add_generation_prompt: true, continue_final_message: true }),
    { param: 'continue_final_message' },
  ],

  // Stop strings.
  ['an empty stop string', chat({ stop: '' }), { param: 'stop' }],
  [
    '17 stop strings',
    chat({ stop: Array.from({ length: 17 }, (_, index) => `s${index}`) }),
    { param: 'stop' },
  ],
  ['a stop string of 257 bytes', chat({ stop: ['é'.repeat(129)] }), { param: 'stop' }],
  ['stop as a number', chat({ stop: 5 }), { param: 'stop' }],
  ['null among stop strings', chat({ stop: ['a', null] }), { param: 'stop' }],

  // Forms of the answer.
  [
    'an unknown model',
    chat({ model: 'gpt-4' }),
    { status: 404, param: 'model', code: 'model_not_found' },
  ],
  ['a model that is a number', chat({ model: 4 }), { param: 'model' }],
  ['stream as text', chat({ stream: 'yes' }), { param: 'stream' }],
  [
    'stream_options without stream',
    chat({ stream_options: { include_usage: true } }),
    { param: 'stream_options' },
  ],
  [
    'include_usage as text',
    chat({ stream: true, stream_options: { include_usage: 'x' } }),
    { param: 'stream_options.include_usage' },
  ],
  ['a cache_salt that is too long', chat({ cache_salt: 's'.repeat(257) }), { param: 'cache_salt' }],
  ['a request_id that is empty', chat({ request_id: '' }), { param: 'request_id' }],

  // Tools and thinking.
  ['tools that are no list', chat({ tools: {} }), { param: 'tools' }],
  ['a tool of another type', chat({ tools: [{ type: 'custom' }] }), { param: 'tools[0].function' }],
  ['a tool without a name', chat({ tools: [tool('')] }), { param: 'tools[0].function.name' }],
  ['a name with a marker', chat({ tools: [tool('<｜x')] }), { param: 'tools[0].function.name' }],
  [
    'two tools of one name',
    chat({ tools: [tool('f'), tool('f')] }),
    { param: 'tools[1].function.name' },
  ],
  [
    'parameters that are no schema',
    chat({ tools: [{ type: 'function', function: { name: 'f', parameters: 'x' } }] }),
    { param: 'tools[0].function.parameters' },
  ],
  ['more tools than allowed', chat({ tools: Array(513).fill(tool('f')) }), { param: 'tools' }],
  ['a required tool without tools', chat({ tool_choice: 'required' }), { param: 'tool_choice' }],
  [
    'a named tool that is not there',
    chat({ tools: [tool('f')], tool_choice: { type: 'function', function: { name: 'g' } } }),
    { param: 'tool_choice.function.name' },
  ],
  ['a choice of no known kind', chat({ tool_choice: 'any' }), { param: 'tool_choice' }],
  ['a best_of that is not n', chat({ n: 2, best_of: 3 }), { param: 'best_of' }],
  ['an effort of no known kind', chat({ reasoning_effort: 'huge' }), { param: 'reasoning_effort' }],
  ['effort as a number', chat({ reasoning: { effort: 3 } }), { param: 'reasoning.effort' }],
  ['thinking as a word', chat({ thinking: 'on' }), { param: 'thinking' }],

  // What this build cannot do.
  [
    'a form of answer that is not known',
    chat({ response_format: { type: 'xml' } }),
    { param: 'response_format.type' },
  ],
  ['response_format as a number', chat({ response_format: 5 }), { param: 'response_format' }],
  ['half a regex', completion({ regex: '(' }), { param: 'regex', code: 'invalid_grammar' }],
  [
    'a regex that looks ahead',
    completion({ regex: '(?=a).' }),
    { param: 'regex', code: 'unsupported_grammar' },
  ],
  [
    'two forms of answer',
    chat({ response_format: { type: 'json_object' }, regex: 'a' }),
    { param: 'regex' },
  ],
  [
    'a budget for thinking',
    chat({ reasoning: { max_tokens: 5 } }),
    { param: 'reasoning.max_tokens', code: 'unsupported_parameter' },
  ],
  [
    'a budget for thinking, in its other place',
    chat({ thinking: { type: 'enabled', budget_tokens: 5 } }),
    { param: 'thinking.budget_tokens', code: 'unsupported_parameter' },
  ],
  ['a suffix', completion({ suffix: 'x' }), { param: 'suffix', code: 'unsupported_parameter' }],
  [
    'a template',
    chat({ chat_template: '{{ 1 }}' }),
    { param: 'chat_template', code: 'unsupported_parameter' },
  ],
  [
    'audio',
    chat({ modalities: ['text', 'audio'] }),
    { param: 'modalities', code: 'unsupported_parameter' },
  ],

  // The other routes.
  ['neither prompt nor messages', { url: '/tokenize', payload: {} }, { param: 'prompt' }],
  [
    'a token id beyond the vocabulary',
    { url: '/detokenize', payload: { tokens: [VOCAB] } },
    { param: 'tokens' },
  ],
  [
    'a negative token id',
    { url: '/detokenize', payload: { tokens: [-1] } },
    { param: 'tokens[0]' },
  ],
  [
    'more ids than the context holds',
    { url: '/detokenize', payload: { tokens: Array(CONTEXT + 1).fill(1) } },
    { param: 'tokens' },
  ],
  ['no messages to render', { url: '/apply-template', payload: {} }, { param: 'messages' }],
  ['no name to abort', { url: '/abort_request', payload: {} }, { param: 'rid' }],
];

const post = ({ url, payload, contentType = 'application/json' }: Case) =>
  app.inject({ method: 'POST', url, payload, headers: { 'content-type': contentType } });

describe('bad input', () => {
  it.each(CASES)('%s', async (_name, request, expected) => {
    const sequencesBefore = engine.sequences.length;
    const answer = await post(request);
    const { error } = answer.json();
    expect(answer.statusCode).toBe(expected.status ?? 400);
    expect(Object.keys(answer.json())).toEqual(['error']);
    expect(error).toEqual({
      message: expect.stringMatching(/\S/),
      type: 'invalid_request_error',
      param: expected.param ?? null,
      code: expected.code ?? null,
    });
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(engine.sequences.length).toBe(sequencesBefore);

    const next = await post(chat({}));
    expect(next.statusCode).toBe(200);
    expect(next.json().choices[0].message.content).toBe('fine');
  });

  it('never repeats what the client sent', async () => {
    const mark = 'Zq7xMarkOfTheClient';
    const requests = [
      chat({ model: mark }),
      chat({ temperature: mark }),
      chat({ messages: [{ role: mark, content: 'a' }] }),
      chat({ logit_bias: { [mark]: 1 } }),
      chat({ [mark]: 1, stop: [], n: mark }),
      chat({ chat_template: mark }),
      chat({ messages: [{ role: 'user', content: [{ type: mark }] }] }),
      { url: `/${mark}`, payload: {} },
      raw(`{"${mark}":`),
      { ...chat({}), contentType: `text/${mark}` },
    ];
    for (const request of requests) {
      const answer = await post(request);
      expect(answer.statusCode).toBeGreaterThanOrEqual(400);
      expect(answer.body).not.toContain(mark);
    }
  });

  it('tokenizes nothing for a request that is at fault', async () => {
    const before = text.encodeCount;
    await post(completion({ n: 1000, prompt: ['a', 'b'] }));
    await post(completion({ stop: '', prompt: 'a' }));
    await post(chat({ logit_bias: { x: 1 } }));
    expect(text.encodeCount).toBe(before);
  });

  it('ignores fields that it does not know', async () => {
    const answer = await post(
      chat({ frobnicate: { deep: [1, 2] }, metadata: { a: 'b' }, user: 'u' }),
    );
    expect(answer.statusCode).toBe(200);
  });

  it('takes null for a field that was left out', async () => {
    const fields = [
      'temperature',
      'top_p',
      'n',
      'stop',
      'max_tokens',
      'seed',
      'logit_bias',
      'tools',
    ];
    const answer = await post(chat(Object.fromEntries(fields.map((name) => [name, null]))));
    expect(answer.statusCode).toBe(200);
  });
});
