/** The order and the content of stream events, against the answer that is not streamed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, sseEvents, type TestServer, testServer } from '../../support/http-server.ts';

type Chunk = {
  readonly id: string;
  readonly created: number;
  readonly object: string;
  readonly choices: readonly {
    readonly index: number;
    readonly text?: string;
    readonly delta?: { readonly role?: string; readonly content: string };
    readonly logprobs: { readonly content?: unknown[]; readonly tokens?: unknown[] } | null;
    readonly finish_reason: string | null;
    readonly token_ids?: readonly number[];
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
};

const CHAT = '/v1/chat/completions';
const COMPLETIONS = '/v1/completions';
const messages = [{ role: 'user', content: 'hi' }];

const post = ({ app }: TestServer, url: string, payload: object) =>
  app.inject({ method: 'POST', url, payload });

/** Chunks of a stream that ended well; checks what holds for every stream. */
async function chunksOf(server: TestServer, url: string, payload: object): Promise<Chunk[]> {
  const answer = await post(server, url, { ...payload, stream: true });
  expect(answer.statusCode).toBe(200);
  expect(answer.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'x-accel-buffering': 'no',
    'x-request-id': expect.stringMatching(/^req_/),
  });
  const events = sseEvents(answer.body);
  expect(events.at(-1)).toBe('[DONE]');
  const chunks = events.slice(0, -1) as Chunk[];
  expect(new Set(chunks.map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
  return chunks;
}

const ofChoice = (chunks: readonly Chunk[], index: number) =>
  chunks.flatMap(({ choices }) => choices).filter((choice) => choice.index === index);

describe('chat stream', () => {
  it('opens, speaks and finishes each choice once, in this order', async () => {
    const server = testServer({ script: saying('héllo 😀', EOS_ID) });
    const chunks = await chunksOf(server, CHAT, { messages, n: 3 });
    expect(chunks.every(({ object }) => object === 'chat.completion.chunk')).toBe(true);
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
    for (const index of [0, 1, 2]) {
      const [first, ...rest] = ofChoice(chunks, index);
      expect(first?.delta).toEqual({ role: 'assistant', content: '' });
      expect(rest.every(({ delta }) => delta?.role === undefined)).toBe(true);
      expect(rest.map(({ delta }) => delta?.content).join('')).toBe('héllo 😀');
      const reasons = ofChoice(chunks, index).map((choice) => choice.finish_reason);
      expect(reasons.slice(0, -1).every((reason) => reason === null)).toBe(true);
      expect(reasons.at(-1)).toBe('stop');
    }
  });

  it('has no usage unless asked, and then on a chunk of its own', async () => {
    const server = testServer({ script: saying('abc', EOS_ID) });
    const plain = await chunksOf(server, CHAT, { messages });
    expect(plain.some((chunk) => 'usage' in chunk)).toBe(false);
    const options = { stream_options: { include_usage: true } };
    const asked = await chunksOf(server, CHAT, { messages, n: 2, ...options });
    const last = asked.at(-1);
    expect(asked.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(last?.choices).toEqual([]);
    const whole = (await post(server, CHAT, { messages, n: 2 })).json();
    expect(last?.usage).toEqual(whole.usage);
    expect(whole.usage.completion_tokens).toBe(8);
  });

  it('counts usage on every chunk where that is asked', async () => {
    const server = testServer({ script: saying('abcd', EOS_ID) });
    const options = { stream_options: { include_usage: true, continuous_usage_stats: true } };
    const chunks = await chunksOf(server, CHAT, { messages, ...options });
    const counts = chunks.map(({ usage }) => usage?.completion_tokens ?? -1);
    expect(counts.at(-1)).toBe(5);
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts).not.toContain(-1);
  });

  it('has the log-probabilities and ids of the whole answer', async () => {
    const server = testServer({ script: saying('a€bSTOPc', EOS_ID) });
    const fields = {
      messages,
      logprobs: true,
      top_logprobs: 2,
      return_token_ids: true,
      stop: 'STOP',
    };
    const [whole] = (await post(server, CHAT, fields)).json().choices;
    const choices = ofChoice(await chunksOf(server, CHAT, fields), 0);
    expect(choices.flatMap(({ logprobs }) => logprobs?.content ?? [])).toEqual(
      whole.logprobs.content,
    );
    expect(choices.flatMap((choice) => choice.token_ids ?? [])).toEqual(whole.token_ids);
    expect(whole.message.content).toBe('a€b');
    expect(whole.logprobs.content.map(({ bytes }: { bytes: number[] }) => bytes)).toEqual(
      [...Buffer.from('a€b')].map((byte) => [byte]),
    );
    expect(whole.token_ids).toEqual([...Buffer.from('a€bSTOP')]);
    expect(whole).toMatchObject({ finish_reason: 'stop', stop_reason: 'STOP' });
  });
});

describe('completion stream', () => {
  it('numbers the choices of several prompts, each behind its own echo', async () => {
    const server = testServer({ script: (command) => [command.promptTokens.at(-1) ?? 0, EOS_ID] });
    const fields = { prompt: ['xa', 'yb'], n: 2, echo: true, max_tokens: 4 };
    const whole = (await post(server, COMPLETIONS, fields)).json();
    expect(whole.choices.map(({ text }: { text: string }) => text)).toEqual([
      'xaa',
      'xaa',
      'ybb',
      'ybb',
    ]);
    const chunks = await chunksOf(server, COMPLETIONS, fields);
    for (const index of [0, 1, 2, 3]) {
      const choices = ofChoice(chunks, index);
      expect(choices[0]?.text).toBe(index < 2 ? 'xa' : 'yb');
      expect(choices.map(({ text }) => text).join('')).toBe(whole.choices[index].text);
      expect(choices.filter((choice) => choice.finish_reason !== null)).toHaveLength(1);
    }
    expect(whole.usage.prompt_tokens).toBe(6);
  });

  it('echoes log-probabilities of the prompt, also without a completion', async () => {
    const server = testServer({ script: saying('zz') });
    const fields = { prompt: 'aé', echo: true, logprobs: 1 };
    const none = (await post(server, COMPLETIONS, { ...fields, max_tokens: 0 })).json();
    expect(none.choices[0]).toMatchObject({
      text: 'aé',
      finish_reason: 'length',
      logprobs: {
        tokens: ['<bos>', 'a', 'bytes:\\xc3', 'bytes:\\xa9'],
        text_offset: [0, 0, 1, 1],
        token_logprobs: [null, -0.5, -0.5, -0.5],
      },
    });
    expect(none.usage.completion_tokens).toBe(0);
    const whole = (await post(server, COMPLETIONS, { ...fields, max_tokens: 2 })).json();
    expect(whole.choices[0].logprobs.text_offset).toEqual([0, 0, 1, 1, 2, 3]);
    const chunks = await chunksOf(server, COMPLETIONS, { ...fields, max_tokens: 2 });
    const tokens = ofChoice(chunks, 0).flatMap(({ logprobs }) => logprobs?.tokens ?? []);
    expect(tokens).toEqual(whole.choices[0].logprobs.tokens);
  });

  it('echoes without asking the engine where nothing is generated', async () => {
    const server = testServer();
    const fields = { prompt: 'only this', echo: true, max_tokens: 0 };
    expect((await post(server, COMPLETIONS, fields)).json().choices[0].text).toBe('only this');
    const chunks = await chunksOf(server, COMPLETIONS, fields);
    expect(ofChoice(chunks, 0).map(({ text }) => text)).toEqual(['only this', '']);
    expect(server.engine.sequences).toHaveLength(0);
  });
});

describe('text of a stream', () => {
  it('is that of the whole answer for every text, cut and stop string', async () => {
    const server = testServer();
    const { engine, text } = server;
    const unit = fc.constantFrom('a', 'b', 'é', '€', '😀', '"', '\\', '\n', '\u2028', '\u0000');
    const parts = fc.array(fc.array(unit, { minLength: 1, maxLength: 4 }), { maxLength: 8 });
    const stops = fc.array(fc.constantFrom('ab', 'ba', 'é€', '😀a', '\n'), { maxLength: 2 });
    const form = fc.record({ chat: fc.boolean(), n: fc.integer({ min: 1, max: 2 }) });
    await fc.assert(
      fc.asyncProperty(parts, stops, form, async (pieces, stop, { chat, n }) => {
        // Tokens end within characters: the bytes are cut one behind each piece's start.
        const bytes = Buffer.concat(pieces.map((piece) => Buffer.from(piece.join(''))));
        const tokens = pieces.map((_, index) => {
          const size = Math.ceil(bytes.length / pieces.length);
          return bytes.subarray(index * size, (index + 1) * size);
        });
        const ids = tokens.filter(({ length }) => length > 0).map((token) => text.token(token));
        engine.script = () => ids;
        const [url, fields] = chat ? [CHAT, { messages }] : [COMPLETIONS, { prompt: 'p' }];
        const payload = { ...fields, n, stop, max_tokens: 100 };
        const whole = (await post(server, url, payload)).json();
        const chunks = await chunksOf(server, url, payload);
        for (let index = 0; index < n; index++) {
          const { message, text: answer, finish_reason: reason } = whole.choices[index];
          const choices = ofChoice(chunks, index);
          const streamed = choices.map(({ delta, text }) => delta?.content ?? text).join('');
          expect(streamed).toBe(message?.content ?? answer);
          expect(choices.at(-1)?.finish_reason).toBe(reason);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('failure', () => {
  it('in the middle of a stream is an event, then the end', async () => {
    const server = testServer();
    const { engine } = server;
    const answer = post(server, CHAT, { messages, stream: true, n: 2 });
    await expect.poll(() => engine.sequences.length).toBe(2);
    const [first, second] = engine.sequences;
    if (first === undefined || second === undefined) throw new Error('no sequences');
    engine.emit(first, ...Buffer.from('ab'));
    await new Promise(setImmediate);
    engine.lose();
    const events = sseEvents((await answer).body);
    expect(events.slice(-2)).toEqual([
      {
        error: {
          message: 'the engine process was lost',
          type: 'server_error',
          param: null,
          code: 'engine_lost',
        },
      },
      '[DONE]',
    ]);
    const finished = (events.slice(0, -2) as Chunk[]).filter(
      ({ choices }) => choices[0]?.finish_reason !== null,
    );
    expect(finished).toEqual([]);
    expect(engine.openCount).toBe(0);
  });

  it('before the first token is a status', async () => {
    const server = testServer();
    const answer = post(server, CHAT, { messages, stream: true });
    await expect.poll(() => server.engine.sequences.length).toBe(1);
    server.engine.lose();
    const { statusCode, headers, body } = await answer;
    expect(statusCode).toBe(500);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(JSON.parse(body).error.code).toBe('engine_lost');
  });

  it('of one choice ends the others', async () => {
    const server = testServer();
    const { engine } = server;
    const answer = post(server, COMPLETIONS, { prompt: ['a', 'b'], n: 2 });
    await expect.poll(() => engine.sequences.length).toBe(4);
    engine.finish(engine.last, { reason: 'error', errorCode: 'ETAP_ERR_NAN_LOGITS' });
    expect((await answer).statusCode).toBe(500);
    expect((await answer).json().error.code).toBe('nan_logits');
    expect(engine.openCount).toBe(0);
    expect(engine.abortedIds).toHaveLength(3);
  });

  it.each([false, true])('for want of room leaves nothing behind (stream: %s)', async (stream) => {
    const server = testServer();
    server.engine.capacity = 2;
    const answer = await post(server, CHAT, { messages, n: 3, stream });
    expect(answer.statusCode).toBe(429);
    expect(answer.json().error).toMatchObject({
      type: 'rate_limit_error',
      code: 'rate_limit_exceeded',
    });
    expect(answer.headers['retry-after']).toBe('1');
    expect(server.engine.openCount).toBe(0);
    expect(server.metrics.rejections).toEqual(['queue_full']);
  });

  it.each(['chat', 'completion'])('by /abort_request tells the client (%s)', async (kind) => {
    const server = testServer();
    const fields = kind === 'chat' ? { messages } : { prompt: 'a' };
    const url = kind === 'chat' ? CHAT : COMPLETIONS;
    const answer = post(server, url, { ...fields, request_id: 'mine' });
    await expect.poll(() => server.engine.sequences.length).toBe(1);
    const aborted = await post(server, '/abort_request', { rid: 'mine' });
    expect(aborted.json()).toEqual({ aborted: 1 });
    expect((await answer).statusCode).toBe(409);
    expect((await answer).headers['x-should-retry']).toBe('false');
    expect((await answer).json().error.code).toBe('request_aborted');
    expect((await post(server, '/abort_request', { rid: 'mine' })).json()).toEqual({ aborted: 0 });
  });

  it('by /abort_request also reaches a request whose prompt is still tokenized', async () => {
    const server = testServer();
    let open = () => {};
    server.text.gate = new Promise((resolve) => {
      open = resolve;
    });
    const answer = post(server, CHAT, { messages, rid: 'early' });
    await expect.poll(() => server.text.encodeCount).toBe(1);
    await post(server, '/abort_request', { rid: 'early' });
    open();
    expect((await answer).statusCode).toBe(409);
    expect(server.engine.sequences).toHaveLength(0);
  });
});
