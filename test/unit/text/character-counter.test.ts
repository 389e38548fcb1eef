import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CharacterCounter, characterCount } from '../../../src/text/character-counter.ts';

/** Bytes that make valid, broken, overlong and surrogate sequences likely. */
const byte = fc.oneof(
  fc.constantFrom(
    0x61,
    0x80,
    0xbf,
    0xc1,
    0xc2,
    0xe0,
    0xe2,
    0xed,
    0x9f,
    0xa0,
    0xf0,
    0xf4,
    0x90,
    0xff,
  ),
  fc.nat(255),
);

describe('CharacterCounter', () => {
  it('counts as a decoder does', () => {
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 24 }), (bytes) => {
        const counter = new CharacterCounter();
        for (const item of bytes) counter.push(item);
        const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(
          Uint8Array.from(bytes),
        );
        expect(counter.count).toBe([...decoded].length);
      }),
      { numRuns: 5000 },
    );
  });

  it('says which character each byte of valid text belongs to', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const counter = new CharacterCounter();
        const found = [...Buffer.from(text)].map((item) => counter.push(item));
        const expected = [...text].flatMap((character, index) =>
          Array.from(Buffer.from(character), () => index),
        );
        expect(found).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('characterCount', () => {
  it('counts code points', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(characterCount(text)).toBe([...text].length);
      }),
      { numRuns: 1000 },
    );
  });
});
