/** Every field with every kind of value: an answer or a 4xx that names the field, never a fault. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ChatBody, CompletionBody } from '../../../src/http/openai/index.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { saying, testServer } from '../../support/http-server.ts';
import { ENGINE_INFO } from '../../support/scripted-engine.ts';

const { app, engine } = testServer({ script: saying('fine', EOS_ID) });
afterAll(() => app.close());

const VOCAB = ENGINE_INFO.vocabSize;
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  -1,
  0,
  1,
  0.5,
  VOCAB - 1,
  VOCAB,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  1e308,
  '',
  '1',
  'text',
  [],
  [null],
  [[]],
  [-1],
  [VOCAB - 1],
  ['a'],
  [{}],
  {},
  { a: null },
  { 1: 1 },
];

const ROUTES = [
  ['/v1/chat/completions', ChatBody.properties, { messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/completions', CompletionBody.properties, { prompt: 'hi' }],
] as const;

async function check(url: string, payload: object, field: string | null) {
  const answer = await app.inject({ method: 'POST', url, payload });
  const { statusCode } = answer;
  if (statusCode === 200) return;
  expect([400, 404]).toContain(statusCode);
  const { error } = answer.json();
  expect(error.type).toBe('invalid_request_error');
  expect(error.message).toMatch(/\S/);
  if (field === null || error.code === 'context_length_exceeded') return;
  expect(error.param).toMatch(
    new RegExp(`^(${field}|messages|prompt|n|max_tokens|min_tokens|stream_options|logprobs)`),
  );
}

describe.each(ROUTES)('%s', (url, properties, base) => {
  it.each(Object.keys(properties))('%s takes no value amiss', async (field) => {
    for (const value of VALUES) {
      await check(url, { ...base, max_tokens: 8, [field]: value }, field);
    }
    expect(engine.openCount).toBe(0);
  });

  it('takes no combination amiss', async () => {
    const value = fc.oneof(fc.constantFrom(...VALUES), fc.jsonValue({ maxDepth: 3 }));
    const fields = fc.dictionary(fc.constantFrom(...Object.keys(properties)), value, {
      maxKeys: 5,
    });
    await fc.assert(
      fc.asyncProperty(fields, async (changes) => {
        await check(url, { ...base, max_tokens: 8, ...changes }, null);
      }),
      { numRuns: 1500 },
    );
    expect(engine.openCount).toBe(0);
  });

  it('streams what it also answers whole', async () => {
    const onlyOneForm = ['stream', 'stream_options', 'prompt_logprobs'];
    const names = Object.keys(properties).filter((name) => !onlyOneForm.includes(name));
    const fields = fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...VALUES), {
      maxKeys: 3,
    });
    await fc.assert(
      fc.asyncProperty(fields, async (changes) => {
        const payload = { ...base, max_tokens: 8, ...changes };
        const ask = (stream: boolean) =>
          app.inject({ method: 'POST', url, payload: { ...payload, stream } });
        const [whole, stream] = [await ask(false), await ask(true)];
        expect(stream.statusCode).toBe(whole.statusCode);
        if (whole.statusCode === 200) expect(stream.body).toMatch(/data: \[DONE\]\n\n$/);
        else expect(stream.json()).toEqual(whole.json());
      }),
      { numRuns: 500 },
    );
  });
});
