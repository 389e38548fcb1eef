import { describe, expect, it } from 'vitest';
import { kvValues, logprobOf, nextToken } from '../../../src/executor/simulated-model.ts';
import { GREEDY } from '../../support/step-driver.ts';

const tokens = Int32Array.from({ length: 20 }, (_, i) => i * 3);
const anything = () => true;
const choice = { vocabSize: 1000, sampling: GREEDY, isAllowed: anything };

describe('the simulated model', () => {
  it('lets every token change all values after it', () => {
    const values = kvValues(tokens, 20, true);
    const other = tokens.slice();
    other[10] = 1;
    const changed = kvValues(other, 20, true);
    expect(values.subarray(0, 10)).toEqual(changed.subarray(0, 10));
    for (let i = 10; i < 20; i++) expect(changed[i]).not.toBe(values[i]);
  });

  it('tells generated tokens from prompt tokens in strict mode only', () => {
    expect(kvValues(tokens, 10, false)).toEqual(kvValues(tokens, 20, false));
    expect(kvValues(tokens, 10, true)[9]).toBe(kvValues(tokens, 20, true)[9]);
    expect(kvValues(tokens, 10, true)[10]).not.toBe(kvValues(tokens, 20, true)[10]);
  });

  it('chooses among what is allowed', () => {
    expect(nextToken(5, 0, choice)).toBe(nextToken(5, 99, choice));
    const drawn = { ...choice, sampling: { ...GREEDY, temperature: 1, seed: 2 ** 40 + 1 } };
    expect(nextToken(5, 0, drawn)).not.toBe(nextToken(5, 1, drawn));
    const few = { ...choice, sampling: { ...GREEDY, allowedTokenIds: [4, 9] } };
    expect([4, 9]).toContain(nextToken(77, 0, few));
    expect(nextToken(77, 0, { ...few, isAllowed: (id) => id === 9 })).toBe(9);
    expect(nextToken(77, 0, { ...few, isAllowed: () => false })).toBe(-1);
  });

  it('gives log-probabilities below zero', () => {
    for (let token = 0; token < 100; token++) expect(logprobOf(9, token)).toBeLessThan(0);
  });
});
