/** Text against the Python libraries: templates as transformers renders them, ids as tokenizers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ChatTemplate } from '../../../src/text/chat-template.ts';
import type { ChatMessage } from '../../../src/text/index.ts';
import { loadTextModel } from '../../../src/text/index.ts';

const FOLDER = join(import.meta.dirname, '../../golden/text');
const readJson = <T>(name: string): T => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));

type Conversations = {
  readonly tokens: { readonly bos_token: string; readonly eos_token: string };
  readonly cases: readonly {
    readonly name: string;
    readonly messages: readonly ChatMessage[];
    readonly tools: readonly unknown[] | null;
    readonly add_generation_prompt: boolean;
    readonly continue_final_message: boolean;
    readonly kwargs: Readonly<Record<string, unknown>>;
    readonly expected: Readonly<Record<string, { readonly text?: string }>>;
  }[];
};

type Tokens = {
  readonly token_bytes: readonly string[];
  readonly sequences: readonly {
    readonly ids: readonly number[];
    readonly decoded: string;
    readonly decoded_without_special: string;
  }[];
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    /** Absent where it is the same as `ids`. */
    readonly plain_ids?: readonly number[];
    /** Absent where it is the same as `text`. */
    readonly decoded_without_special?: string;
  }[];
};

describe.each(['v3', 'r1', 'v31'])('template %s', (name) => {
  const { tokens, cases } = readJson<Conversations>('conversations.json');
  const source = readFileSync(join(FOLDER, 'templates', `${name}.jinja`), 'utf8');
  const template = new ChatTemplate(source, {
    bosToken: tokens.bos_token,
    eosToken: tokens.eos_token,
  });

  it.each(cases)('$name', (conversation) => {
    const options = {
      addGenerationPrompt: conversation.add_generation_prompt,
      continueFinalMessage: conversation.continue_final_message,
      // A template that says nothing of tools gets them added: tool-templates.test.ts.
      tools: template.traits.listsTools ? conversation.tools : null,
      thinking: null,
      kwargs: conversation.kwargs,
    };
    const render = () => template.render(conversation.messages, options, (text) => text);
    const { text } = conversation.expected[name] ?? {};
    if (text === undefined) expect(render).toThrow(/refused this conversation/);
    else expect(render()).toBe(text);
  });
});

describe('tokenizer', () => {
  const golden = readJson<Tokens>('tokens.json');
  const { tokenizer } = loadTextModel(join(FOLDER, 'tokenizer'));

  it('gives the ids of the reference, with and without added tokens', async () => {
    for (const { text, ids, plain_ids } of golden.texts) {
      const special = await tokenizer.encode(text, { addBos: false, parseSpecial: true });
      expect([...special], JSON.stringify(text)).toEqual(ids);
      const plain = await tokenizer.encode(text, { addBos: false, parseSpecial: false });
      expect([...plain], JSON.stringify(text)).toEqual(plain_ids ?? ids);
    }
  });

  it('decodes the ids of texts back, with and without special tokens', () => {
    for (const { text, ids, plain_ids, decoded_without_special } of golden.texts) {
      expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(text);
      expect(tokenizer.decode(plain_ids ?? ids, { skipSpecial: false })).toBe(text);
      const skipped = tokenizer.decode(ids, { skipSpecial: true });
      expect(skipped).toBe(decoded_without_special ?? text);
    }
  });

  it('replaces invalid UTF-8 as the reference does', () => {
    for (const { ids, decoded, decoded_without_special } of golden.sequences) {
      expect(tokenizer.decode(ids, { skipSpecial: false })).toBe(decoded);
      expect(tokenizer.decode(ids, { skipSpecial: true })).toBe(decoded_without_special);
    }
  });

  it('knows the bytes of every token', () => {
    expect(tokenizer.vocabSize).toBe(golden.token_bytes.length);
    for (const [id, hex] of golden.token_bytes.entries()) {
      expect(Buffer.from(tokenizer.tokenBytes(id)).toString('hex')).toBe(hex);
    }
  });
});
