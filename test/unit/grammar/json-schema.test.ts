/**
 * Schemas against a reference validator: every text that a grammar lets through is a document that the
 * schema accepts, whoever chooses the tokens, and documents are let through and kept out as they should.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { TokenTrie } from '../../../src/grammar-engine/token-trie.ts';
import { loadTokenBytes } from '../../../src/text/index.ts';
import {
  compile,
  generate,
  matches,
  random,
  schemaLanguage,
} from '../../support/grammar/follow.ts';
import { SCHEMA_CORPUS } from '../../support/grammar/schema-corpus.ts';

const tokens = loadTokenBytes('models/demo');
const none = new Uint8Array(0);
const table = { bytes: (id: number) => tokens[id] ?? none };
const trie = new TokenTrie(tokens, tokens.length);
const TOKENS_MAX = 60;

const ajv = new Ajv2020({ strict: false });
formats.default(ajv);

/** Walks that end wherever they can, at different odds, and one that takes the highest ids. */
const WALKS = [...[0.5, 0.1, 0].map((odds, i) => ({ seed: i + 1, odds })), { seed: 0, odds: 0.3 }];

describe.each(
  SCHEMA_CORPUS.map((one, i) => [`${i} ${JSON.stringify(one.schema).slice(0, 90)}`, one] as const),
)('%s', (_, { schema, valid, invalid }) => {
  it('lets through valid documents and nothing else', () => {
    const grammar = compile(schemaLanguage(schema), trie);
    const isValid = ajv.compile(schema as object);
    for (const value of valid) {
      expect([value, isValid(value), matches(grammar, JSON.stringify(value))]).toEqual([
        value,
        true,
        true,
      ]);
    }
    for (const value of invalid) {
      expect([value, isValid(value), matches(grammar, JSON.stringify(value))]).toEqual([
        value,
        false,
        false,
      ]);
    }
    for (const { seed, odds } of WALKS) {
      const draw = random(seed);
      const text = generate(grammar, table, {
        tokensMax: TOKENS_MAX,
        choose: (allowed, canEnd) => {
          if (canEnd && draw() < odds) return null;
          const at = seed === 0 ? allowed.length - 1 : Math.floor(draw() * allowed.length);
          return allowed[at] ?? null;
        },
      });
      if (text !== null) expect([text, isValid(JSON.parse(text))]).toEqual([text, true]);
    }
  });
});

it('holds at least 150 schemas', () => {
  expect(SCHEMA_CORPUS.length).toBeGreaterThanOrEqual(150);
});
