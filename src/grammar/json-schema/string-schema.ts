/** Strings: lengths, patterns and formats, alone or together. */
import {
  type Automaton,
  automatonOf,
  expressionOf,
  intersect,
  lengthAutomaton,
} from '../automaton.ts';
import { type Expression, NEVER, type RuleSet, repeat } from '../expression.ts';
import { type JsonRules, jsonCharacter } from '../json.ts';
import { anywhereMatch, wholeMatch } from '../regex/parse-regex.ts';
import { FORMATS } from './formats.ts';

export type StringFacts = {
  readonly minLength: number;
  readonly maxLength: number | null;
  /** Each must match somewhere. */
  readonly patterns: readonly string[];
  readonly formats: readonly string[];
};

export const isPlain = ({ patterns, formats }: StringFacts): boolean =>
  patterns.length === 0 && formats.length === 0;

export function stringExpression(facts: StringFacts, rules: RuleSet, json: JsonRules): Expression {
  const { minLength, maxLength } = facts;
  if (maxLength !== null && maxLength < minLength) return NEVER;
  if (isPlain(facts)) return json.quoted(repeat(json.character, minLength, maxLength));
  const automaton = stringAutomaton(facts);
  return json.quoted(expressionOf(automaton, rules, { hint: 'string', character: jsonCharacter }));
}

/** The values that the facts allow. */
export function stringAutomaton({ minLength, maxLength, ...facts }: StringFacts): Automaton {
  const parts = [
    ...facts.patterns.map((pattern) => automatonOf(anywhereMatch(pattern))),
    ...facts.formats.map((format) => automatonOf(wholeMatch(FORMATS[format] as string))),
  ];
  if (minLength > 0 || maxLength !== null || parts.length === 0) {
    parts.push(lengthAutomaton(minLength, maxLength));
  }
  return parts.reduce(intersect);
}
