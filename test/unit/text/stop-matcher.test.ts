import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from '../../../src/text/index.ts';
import { cutText } from '../../support/cut-text.ts';

/** All that a matcher shows for `pieces`, and the stop string it ended with. */
function run(stops: readonly string[], pieces: readonly string[]) {
  const matcher = new StopMatcher(stops);
  let shown = '';
  for (const piece of pieces) {
    const { text, stop } = matcher.push(piece);
    shown += text;
    if (stop !== null) return { shown, stop };
  }
  return { shown: shown + matcher.flush(), stop: null };
}

describe('StopMatcher', () => {
  it('passes text through when there is no stop string', () => {
    expect(new StopMatcher([]).push('abc')).toEqual({ text: 'abc', stop: null });
  });

  it('finds a stop string across pieces and shows nothing of it', () => {
    expect(run(['END'], ['a', 'E', 'N', 'Db'])).toEqual({ shown: 'a', stop: 'END' });
  });

  it('shows held-back text once it cannot become a stop string', () => {
    const matcher = new StopMatcher(['END']);
    expect(matcher.push('xEN').text).toBe('x');
    expect(matcher.push('Q').text).toBe('ENQ');
  });

  it('gives back what it holds at the end', () => {
    const matcher = new StopMatcher(['END']);
    matcher.push('EN');
    expect(matcher.flush()).toBe('EN');
  });

  it('prefers the stop string that is complete first', () => {
    expect(run(['abc', 'b'], ['abc'])).toEqual({ shown: 'a', stop: 'b' });
    expect(run(['abc', 'b'], ['a', 'b', 'c'])).toEqual({ shown: 'a', stop: 'b' });
  });

  it('prefers the longest of those that end together', () => {
    expect(run(['b', 'ab'], ['xab'])).toEqual({ shown: 'x', stop: 'ab' });
  });

  it('gives the same result however the text is cut', () => {
    const letters = fc.stringMatching(/^[ab]{0,24}$/);
    const stops = fc.array(fc.stringMatching(/^[ab]{1,4}$/), { minLength: 1, maxLength: 3 });
    const places = fc.array(fc.nat(), { maxLength: 8 });
    fc.assert(
      fc.property(letters, stops, places, (text, stopStrings, cuts) => {
        expect(run(stopStrings, cutText(text, cuts))).toEqual(run(stopStrings, [...text]));
      }),
      { numRuns: 5000 },
    );
  });
});
