import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nestsDeeperThan, parseJsonBody } from '../../../src/http/json-body.ts';

const DEPTH_MAX = 64;

/** Depth of a parsed value, the slow and obvious way. */
function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('nestsDeeperThan', () => {
  it('agrees with the depth of the parsed value', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.nat(9), (text, depthMax) => {
        expect(nestsDeeperThan(Buffer.from(text), depthMax)).toBe(
          depthOf(JSON.parse(text)) > depthMax,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['brackets in a string', '"[[[["', 1, false],
    ['an escaped quote', '["\\"[[["]', 1, false],
    ['escaped backslashes before a quote', '["\\\\",[[]]]', 2, true],
    ['a string that never ends', '["[[[[', 1, false],
    ['exactly the limit', '[[]]', 2, false],
    ['one more', '[[[]]]', 2, true],
  ])('%s', (_name, text, depthMax, expected) => {
    expect(nestsDeeperThan(Buffer.from(text), depthMax)).toBe(expected);
  });
});

describe('parseJsonBody', () => {
  it('gives what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        expect(parseJsonBody(Buffer.from(text), DEPTH_MAX)).toEqual(JSON.parse(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses a lone surrogate anywhere, and only that', () => {
    const unit = fc.constantFrom('\\ud83d', '\\ude00', '\\ud83d\\ude00', 'x', '\\\\ud800');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 6 }), (units) => {
        const text = `{"a":["${units.join('')}"]}`;
        const { a } = JSON.parse(text) as { readonly a: readonly [string] };
        const parse = () => parseJsonBody(Buffer.from(text), DEPTH_MAX);
        if (a[0].isWellFormed()) expect(parse()).toEqual({ a });
        else expect(parse).toThrow(/surrogate/);
      }),
      { numRuns: 1000 },
    );
  });

  it('never throws anything but a coded error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          parseJsonBody(Buffer.from(bytes), DEPTH_MAX);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ETAP_ERR_INVALID_REQUEST' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
