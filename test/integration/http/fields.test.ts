/** Each field of the wire reaches the engine as it was meant, with the documented defaults. */
import { describe, expect, it } from 'vitest';
import { BOS_ID, EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';

const server = testServer({ script: saying('abc', EOS_ID) });
const { app, engine, text } = server;

const CHAT = '/v1/chat/completions';
const COMPLETIONS = '/v1/completions';
const messages = [{ role: 'user', content: 'hi' }];

async function ask(url: string, fields: object) {
  const base = url === CHAT ? { messages } : { prompt: 'hi' };
  const answer = await app.inject({ method: 'POST', url, payload: { ...base, ...fields } });
  expect(answer.json()).not.toHaveProperty('error');
  expect(answer.statusCode).toBe(200);
  return answer.json();
}

/** The command of the sequence that a request starts. */
async function commandOf(url: string, fields: object) {
  await ask(url, fields);
  return engine.last.command;
}

describe('defaults', () => {
  it('are those of OpenAI where the model says nothing', async () => {
    const command = await commandOf(COMPLETIONS, {});
    expect(command).toMatchObject({
      promptTokens: Int32Array.of(BOS_ID, 104, 105),
      maxTokens: 16,
      minTokens: 0,
      stopTokenIds: [EOS_ID],
      priority: 3,
      tenant: '',
      cacheSalt: '',
      grammar: null,
      sampling: {
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
        repetitionPenalty: 1,
        frequencyPenalty: 0,
        presencePenalty: 0,
        logitBias: [],
        allowedTokenIds: null,
        topLogprobs: null,
        promptLogprobs: null,
      },
    });
    expect(Number.isSafeInteger(command.sampling.seed)).toBe(true);
  });

  it('of the model win over those, and the request over both', async () => {
    text.defaults = { temperature: 0.6, topP: 0.95, topK: 40, repetitionPenalty: 1.1 };
    const ofModel = (await commandOf(CHAT, {})).sampling;
    expect(ofModel).toMatchObject(text.defaults);
    const fields = { temperature: 0, top_p: 0.5, top_k: -1, repetition_penalty: 1 };
    const ofRequest = (await commandOf(CHAT, fields)).sampling;
    text.defaults = {};
    expect(ofRequest).toMatchObject({ temperature: 0, topP: 0.5, topK: 0, repetitionPenalty: 1 });
  });

  it('give a chat what the context leaves', async () => {
    const { promptTokens, maxTokens } = await commandOf(CHAT, {});
    expect(promptTokens.length + maxTokens).toBe(2048);
  });

  it('give a completion of a long prompt what the context leaves', async () => {
    expect((await commandOf(COMPLETIONS, { prompt: 'x'.repeat(2040) })).maxTokens).toBe(7);
  });

  it('draw another seed each time', async () => {
    const first = (await commandOf(CHAT, {})).sampling.seed;
    expect((await commandOf(CHAT, {})).sampling.seed).not.toBe(first);
  });
});

describe.each([CHAT, COMPLETIONS])('fields of %s', (url) => {
  it.each([
    ['temperature', { temperature: 1.5 }, { sampling: { temperature: 1.5 } }],
    ['top_p', { top_p: 0.25 }, { sampling: { topP: 0.25 } }],
    ['top_p of 0, which keeps one token', { top_p: 0 }, { sampling: { topP: 1, topK: 1 } }],
    ['top_k', { top_k: 7 }, { sampling: { topK: 7 } }],
    ['min_p', { min_p: 0.125 }, { sampling: { minP: 0.125 } }],
    ['repetition_penalty', { repetition_penalty: 1.25 }, { sampling: { repetitionPenalty: 1.25 } }],
    ['frequency_penalty', { frequency_penalty: -2 }, { sampling: { frequencyPenalty: -2 } }],
    ['presence_penalty', { presence_penalty: 2 }, { sampling: { presencePenalty: 2 } }],
    ['seed', { seed: -5 }, { sampling: { seed: -5 } }],
    [
      'logit_bias',
      { logit_bias: { 0: -100, 4095: 1.5 } },
      {
        sampling: {
          logitBias: [
            [0, -100],
            [4095, 1.5],
          ],
        },
      },
    ],
    [
      'allowed_token_ids',
      { allowed_token_ids: [5, 5, 0] },
      { sampling: { allowedTokenIds: [5, 0] } },
    ],
    ['max_tokens', { max_tokens: 5 }, { maxTokens: 5 }],
    ['min_tokens', { max_tokens: 5, min_tokens: 2 }, { minTokens: 2 }],
    ['stop_token_ids', { stop_token_ids: [9, 9] }, { stopTokenIds: [EOS_ID, 9] }],
    ['ignore_eos', { ignore_eos: true, max_tokens: 3 }, { stopTokenIds: [] }],
    ['priority', { priority: 0 }, { priority: 0 }],
    ['prompt_logprobs', { prompt_logprobs: 2 }, { sampling: { promptLogprobs: 2 } }],
    [
      'truncate_prompt_tokens',
      { truncate_prompt_tokens: 1 },
      { promptTokens: expect.objectContaining({ length: 1 }) },
    ],
  ])('%s', async (_name, fields, expected) => {
    expect(await commandOf(url, fields)).toMatchObject(expected);
  });

  it('n draws each choice with a seed of its own', async () => {
    const before = engine.sequences.length;
    await ask(url, { n: 3, seed: Number.MAX_SAFE_INTEGER - 1 });
    const seeds = engine.sequences.slice(before).map(({ command }) => command.sampling.seed);
    expect(seeds).toEqual([
      Number.MAX_SAFE_INTEGER - 1,
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
    ]);
  });

  it('stop, as one string and as several', async () => {
    for (const [stop, shown] of [
      ['b', 'a'],
      [['c', 'zz'], 'ab'],
      [[], 'abc'],
    ]) {
      const [choice] = (await ask(url, { stop })).choices;
      expect(choice.message?.content ?? choice.text).toBe(shown);
    }
    const [kept] = (await ask(url, { stop: 'b', include_stop_str_in_output: true })).choices;
    expect(kept.message?.content ?? kept.text).toBe('ab');
    expect(kept).toMatchObject({ finish_reason: 'stop', stop_reason: 'b' });
  });

  it('stop_token_ids are named as the reason', async () => {
    const [choice] = (await ask(url, { stop_token_ids: [98] })).choices;
    expect(choice).toMatchObject({ finish_reason: 'stop', stop_reason: 98 });
    expect(choice.message?.content ?? choice.text).toBe('a');
  });

  it('skip_special_tokens', async () => {
    const fields = { ignore_eos: true, max_tokens: 4 };
    const [hidden] = (await ask(url, fields)).choices;
    const [shown] = (await ask(url, { ...fields, skip_special_tokens: false })).choices;
    expect(hidden.message?.content ?? hidden.text).toBe('abc');
    expect(shown.message?.content ?? shown.text).toBe('abc<eos>');
  });

  it('return_token_ids adds those of prompt and completion, the stop token included', async () => {
    const answer = await ask(url, { return_token_ids: true });
    const [choice] = answer.choices;
    const { promptTokens } = engine.last.command;
    expect(choice.token_ids).toEqual([97, 98, 99, EOS_ID]);
    expect(answer.usage.completion_tokens).toBe(4);
    expect(answer.prompt_token_ids ?? choice.prompt_token_ids).toEqual([...promptTokens]);
  });

  it('prompt_logprobs shows each prompt token but the first', async () => {
    const answer = await ask(url, { prompt_logprobs: 1 });
    const list = answer.prompt_logprobs ?? answer.choices[0].prompt_logprobs;
    const { promptTokens } = engine.last.command;
    expect(list).toHaveLength(promptTokens.length);
    expect(list[0]).toBeNull();
    const second = promptTokens[1] ?? 0;
    expect(list[1]).toEqual({
      [second]: { logprob: -0.5, rank: 1, decoded_token: text.tokenizer.tokenText(second) },
    });
  });

  it('usage counts each prompt once, and its cached tokens', async () => {
    engine.cachedTokenCount = 2;
    const { usage } = await ask(url, { n: 2 });
    engine.cachedTokenCount = 0;
    expect(usage).toEqual({
      prompt_tokens: engine.last.command.promptTokens.length,
      completion_tokens: 8,
      total_tokens: engine.last.command.promptTokens.length + 8,
      prompt_tokens_details: { cached_tokens: 2 },
      completion_tokens_details: { reasoning_tokens: 0 },
    });
  });
});

describe('completions', () => {
  it('take prompts in all four forms', async () => {
    const before = engine.sequences.length;
    await ask(COMPLETIONS, { prompt: ['a', 'b'] });
    await ask(COMPLETIONS, { prompt: [1, 2] });
    await ask(COMPLETIONS, { prompt: [[3], [4, 5]] });
    const prompts = engine.sequences.slice(before).map(({ command }) => [...command.promptTokens]);
    expect(prompts).toEqual([[BOS_ID, 97], [BOS_ID, 98], [1, 2], [3], [4, 5]]);
  });

  it('leave the first token out where asked', async () => {
    const { promptTokens } = await commandOf(COMPLETIONS, { add_special_tokens: false });
    expect([...promptTokens]).toEqual([104, 105]);
  });

  it('echo a prompt of ids as text', async () => {
    const fields = { prompt: [BOS_ID, 104, 105], echo: true };
    expect((await ask(COMPLETIONS, fields)).choices[0].text).toBe('hiabc');
    const shown = await ask(COMPLETIONS, { ...fields, skip_special_tokens: false });
    expect(shown.choices[0].text).toBe('<bos>hiabc');
  });

  it('write tokens as ids where asked', async () => {
    const fields = { logprobs: 1, return_tokens_as_token_ids: true };
    const [choice] = (await ask(COMPLETIONS, fields)).choices;
    expect(choice.logprobs.tokens).toEqual(['token_id:97', 'token_id:98', 'token_id:99']);
    expect(choice.logprobs.top_logprobs[0]).toEqual({ 'token_id:97': -0.5 });
  });

  it('show the tokens that were asked for, though the prompt shows more', async () => {
    const fields = { echo: true, logprobs: 1, prompt_logprobs: 3 };
    const [choice] = (await ask(COMPLETIONS, fields)).choices;
    expect(Object.keys(choice.logprobs.top_logprobs[1])).toHaveLength(1);
    expect(Object.keys(choice.prompt_logprobs[1])).toHaveLength(3);
  });
});

describe('chats', () => {
  it('let max_completion_tokens win over max_tokens', async () => {
    const fields = { max_tokens: 3, max_completion_tokens: 7 };
    expect((await commandOf(CHAT, fields)).maxTokens).toBe(7);
  });

  it('put one token more in front where asked', async () => {
    const plain = (await commandOf(CHAT, {})).promptTokens;
    const longer = (await commandOf(CHAT, { add_special_tokens: true })).promptTokens;
    expect([...longer]).toEqual([BOS_ID, ...plain]);
  });

  it('take history with calls, whose arguments are text or an object', async () => {
    const call = (args: unknown) => ({
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: args } }],
    });
    const history = [
      messages[0],
      call('{"a":1}'),
      { role: 'tool', tool_call_id: 'c', content: '2' },
      call({ a: 1 }),
      { role: 'assistant', content: 'x', reasoning: 'because' },
    ];
    await ask(CHAT, { messages: history });
  });

  it('accept the values of later fields that change nothing', async () => {
    await ask(CHAT, {
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
      response_format: { type: 'text' },
      include_reasoning: true,
      modalities: ['text'],
      store: true,
      metadata: { a: 'b' },
      service_tier: 'auto',
    });
  });
});
