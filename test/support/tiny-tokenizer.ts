/** A byte-level BPE tokenizer small enough to write down: 256 byte tokens, two merges, DeepSeek's specials. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const BOS = '<｜begin▁of▁sentence｜>';
export const EOS = '<｜end▁of▁sentence｜>';
export const USER = '<｜User｜>';
export const ASSISTANT = '<｜Assistant｜>';

/** The byte-level alphabet in byte order. */
function alphabet(): string[] {
  const characters: string[] = [];
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const printable =
      (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
    characters.push(String.fromCodePoint(printable ? byte : next++));
  }
  return characters;
}

const SPECIALS: readonly (readonly [string, boolean])[] = [
  [BOS, true],
  [EOS, true],
  [USER, false],
  [ASSISTANT, false],
  ['<think>', false],
  ['</think>', false],
];

/** tokenizer.json: ids 0-255 are the bytes, 256 is 'he', 257 'hel', specials from 258 on. */
export function tinyTokenizerJson() {
  const tokens = [...alphabet(), 'he', 'hel'];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIALS.map(([content, special], index) => ({
      id: tokens.length + index,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [
        ['h', 'e'],
        ['he', 'l'],
      ],
    },
  };
}

export const TINY_CHAT_TEMPLATE =
  "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}" +
  `{% elif m.role == 'user' %}${USER}{{ m.content }}` +
  `{% elif m.role == 'assistant' %}${ASSISTANT}{{ m.content.split('</think>')[-1] }}${EOS}` +
  "{% else %}{{ raise_exception('role ' + m.role) }}{% endif %}{% endfor %}" +
  `{% if add_generation_prompt %}${ASSISTANT}{% if thinking %}<think>{% endif %}{% endif %}`;

/** Writes the text files of a checkpoint into a new temporary folder and returns its path. */
export function writeTinyTextFiles(overrides: Readonly<Record<string, unknown>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'etap-text-'));
  const files: Record<string, unknown> = {
    'tokenizer.json': tinyTokenizerJson(),
    'tokenizer_config.json': {
      bos_token: { content: BOS },
      eos_token: EOS,
      add_bos_token: true,
      chat_template: TINY_CHAT_TEMPLATE,
    },
    'generation_config.json': { eos_token_id: 259, temperature: 0.6, top_p: 0.95 },
    'config.json': { eos_token_id: [259] },
    ...overrides,
  };
  for (const [name, content] of Object.entries(files)) {
    if (content === null) continue;
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(folder, name), text);
  }
  return folder;
}
