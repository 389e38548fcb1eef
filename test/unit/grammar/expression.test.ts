import { describe, expect, it } from 'vitest';
import { automatonOf } from '../../../src/grammar/automaton.ts';
import { choice, EMPTY, NEVER, repeat, sequence, text } from '../../../src/grammar/expression.ts';

describe('a repetition', () => {
  it('of nothing is nothing, however deep it is nested', () => {
    let nested = EMPTY;
    for (let depth = 0; depth < 30; depth++) nested = repeat(nested, 10_000, 10_000);
    expect(automatonOf(nested)).toHaveLength(1);
    expect(repeat(sequence(EMPTY, choice([EMPTY, EMPTY])), 5, null)).toBe(EMPTY);
    expect(repeat(text('a'), 0, 0)).toBe(EMPTY);
  });

  it('of something, or of what never matches, stays', () => {
    expect(repeat(text('a'), 2, 3)).toMatchObject({ kind: 'repeat', min: 2, max: 3 });
    expect(repeat(NEVER, 0, 5)).toMatchObject({ kind: 'repeat' });
    expect(repeat(text('a'), 1, 1)).toEqual(text('a'));
  });
});
