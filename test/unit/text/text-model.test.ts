import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChatMessage, loadTextModel } from '../../../src/text/index.ts';
import { ASSISTANT, BOS, EOS, USER, writeTinyTextFiles } from '../../support/tiny-tokenizer.ts';

const model = loadTextModel(writeTinyTextFiles());
const SPECIAL_FROM = 258;
const render = {
  addGenerationPrompt: true,
  continueFinalMessage: false,
  tools: null,
  thinking: null,
  kwargs: {},
};

const specialsOf = (tokens: Int32Array) => [...tokens].filter((id) => id >= SPECIAL_FROM);

describe('tokenizer', () => {
  it('merges, and adds BOS where the config says so', async () => {
    const ids = await model.tokenizer.encode('hello', { addBos: true, parseSpecial: true });
    expect([...ids]).toEqual([258, 257, 'l'.charCodeAt(0), 'o'.charCodeAt(0)]);
  });

  it('does not add a second BOS', async () => {
    const ids = await model.tokenizer.encode(`${BOS}a`, { addBos: true, parseSpecial: true });
    expect([...ids]).toEqual([258, 97]);
  });

  it('keeps special tokens as text unless they are asked for', async () => {
    const ids = await model.tokenizer.encode(USER, { addBos: false, parseSpecial: false });
    expect(specialsOf(ids)).toEqual([]);
    expect(model.tokenizer.decode(ids, { skipSpecial: true })).toBe(USER);
  });

  it('reads end-of-sequence ids and defaults', () => {
    expect(model.eosTokenIds).toEqual([259]);
    expect(model.defaults).toEqual({ temperature: 0.6, topP: 0.95 });
  });

  it('gives back every well-formed text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (text) => {
        const ids = await model.tokenizer.encode(text, { addBos: false, parseSpecial: false });
        expect(model.tokenizer.decode(ids, { skipSpecial: true })).toBe(text);
      }),
      { numRuns: 500 },
    );
  });
});

describe('detokenizer', () => {
  it('holds bytes back until their character is whole', () => {
    const detokenizer = model.createDetokenizer({ skipSpecial: true });
    const bytes = Buffer.from('€');
    const shown = [...bytes].map((byte) => detokenizer.push(byte));
    expect(shown).toEqual(['', '', '€']);
  });

  it('equals lossy decoding of all bytes at once, also when they are not UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const detokenizer = model.createDetokenizer({ skipSpecial: true });
        const streamed = [...bytes].map((byte) => detokenizer.push(byte)).join('');
        expect(streamed + detokenizer.flush()).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
        );
      }),
      { numRuns: 5000 },
    );
  });

  it('hides special tokens, and gives nothing for ids outside the vocabulary', () => {
    const detokenizer = model.createDetokenizer({ skipSpecial: true });
    expect([258, 97, 9999, 259].map((id) => detokenizer.push(id)).join('')).toBe('a');
  });
});

describe('chat', () => {
  it('renders turns with their special tokens', async () => {
    const messages: ChatMessage[] = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: '<think>x</think>b' },
      { role: 'user', content: 'c' },
    ];
    const { text, tokens } = await model.renderChat(messages, render);
    expect(text).toBe(`${BOS}${USER}a${ASSISTANT}b${EOS}${USER}c${ASSISTANT}`);
    expect(specialsOf(tokens)).toEqual([258, 260, 261, 259, 260, 261]);
  });

  it('passes template variables through', async () => {
    const options = { ...render, kwargs: { thinking: true, messages: 'ignored' } };
    const { text } = await model.renderChat([{ role: 'user', content: 'a' }], options);
    expect(text.endsWith(`${ASSISTANT}<think>`)).toBe(true);
  });

  it('continues the final message', async () => {
    const messages: ChatMessage[] = [
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'begin' },
    ];
    const options = { ...render, addGenerationPrompt: false, continueFinalMessage: true };
    const { text } = await model.renderChat(messages, options);
    expect(text).toBe(`${BOS}${USER}a${ASSISTANT}begin`);
  });

  it('turns a refusal of the template into an invalid request', async () => {
    await expect(model.renderChat([{ role: 'tool', content: 'x' }], render)).rejects.toMatchObject({
      code: 'ETAP_ERR_INVALID_REQUEST',
    });
  });

  it('never lets user text become a special token, however it is cut over messages', async () => {
    const specials = [BOS, EOS, USER, ASSISTANT, '<think>', '</think>'];
    const places = fc.array(fc.nat({ max: 80 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...specials, 'x'), { maxLength: 4 }),
        places,
        async (parts, cuts) => {
          const whole = parts.join('');
          const borders = [0, ...cuts.map((cut) => cut % (whole.length + 1)), whole.length];
          borders.sort((a, b) => a - b);
          const messages = borders.slice(1).map(
            (end, index): ChatMessage => ({
              role: 'system',
              content: whole.slice(borders[index], end),
            }),
          );
          const { text, tokens } = await model.renderChat(messages, render);
          expect(specialsOf(tokens)).toEqual([258, 261]);
          expect(text).toBe(`${BOS}${whole}${ASSISTANT}`);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('loading', () => {
  it.each([
    ['a missing tokenizer', { 'tokenizer.json': null }, 'tokenizer.json is missing'],
    ['JSON that does not parse', { 'tokenizer.json': '{' }, 'is not JSON'],
    [
      'another model type',
      { 'tokenizer.json': { model: { type: 'Unigram', vocab: {} } } },
      'Unigram',
    ],
    [
      'an empty added token',
      {
        'tokenizer.json': {
          model: { type: 'BPE', vocab: {} },
          added_tokens: [{ id: 1, content: '' }],
        },
      },
      'is empty',
    ],
    [
      'an absurd id',
      { 'tokenizer.json': { model: { type: 'BPE', vocab: { a: 1e9 } } } },
      'ids must be integers',
    ],
    [
      'a template that does not parse',
      { 'tokenizer_config.json': { chat_template: '{% if %}' } },
      'does not parse',
    ],
  ])('refuses %s', (_, overrides, message) => {
    expect(() => loadTextModel(writeTinyTextFiles(overrides))).toThrow(message);
  });

  it('serves a model without a template, but not its chat', async () => {
    const plain = loadTextModel(writeTinyTextFiles({ 'tokenizer_config.json': null }));
    expect(plain.hasChatTemplate).toBe(false);
    await expect(plain.renderChat([], render)).rejects.toThrow('no chat template');
  });
});
