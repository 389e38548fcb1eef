/**
 * Regular expressions in ECMAScript's syntax as expressions. They are only ever read here, never
 * run: no pattern of a client reaches a backtracking engine.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { ALL_CODE_POINTS, type CodePoints, codePoints, complement, union } from '../code-points.ts';
import { choice, EMPTY, type Expression, oneOf, repeat, sequence } from '../expression.ts';
import { invalidGrammar, unsupportedGrammar } from '../grammar-error.ts';
import { propertySet } from './properties.ts';

export const REGEX_LENGTH_MAX = 8192;
const NESTING_MAX = 32;
const REPEAT_MAX = 10_000;

const DIGITS = codePoints([0x30, 0x39]);
const WORD = codePoints([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]);
const LINE_ENDS = codePoints([0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]);
const SPACE = codePoints(
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
);

/** The whole text must match; anchors at its ends may be left out. */
export const wholeMatch = (source: string): Expression =>
  choice(branches(source).map(({ expression }) => expression));

/** A match anywhere in the text is enough, as JSON Schema's `pattern` has it. */
export function anywhereMatch(source: string): Expression {
  const anything = repeat(oneOf(ALL_CODE_POINTS), 0, null);
  return choice(
    branches(source).map(({ expression, fromStart, toEnd }) =>
      sequence(fromStart ? EMPTY : anything, expression, toEnd ? EMPTY : anything),
    ),
  );
}

type Branch = {
  readonly expression: Expression;
  readonly fromStart: boolean;
  readonly toEnd: boolean;
};

/** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED. */
function branches(source: string): readonly Branch[] {
  if (source.length > REGEX_LENGTH_MAX) {
    throw unsupportedGrammar('', `the regex is longer than ${REGEX_LENGTH_MAX} characters`);
  }
  checkNesting(source);
  return branchesOf(parse(source).alternatives);
}

/** The parser recurses, so depth is bounded before it runs. */
function checkNesting(source: string): void {
  let depth = 0;
  for (let i = 0; i < source.length; i++) {
    const character = source[i];
    if (character === '\\') i++;
    else if (character === '(' && ++depth > NESTING_MAX) {
      throw unsupportedGrammar('', `the regex nests deeper than ${NESTING_MAX} groups`);
    } else if (character === ')') depth--;
  }
}

/** With the `u` flag first, as JSON Schema wants it; else as older patterns are written. */
function parse(source: string): AST.Pattern {
  const parser = new RegExpParser({ ecmaVersion: 2024 });
  try {
    return parser.parsePattern(source, 0, source.length, { unicode: true });
  } catch (error) {
    // Without the flag these would be letters and halves of characters.
    const needsFlag = [...source].length !== source.length || /\\[pPu]\{/.test(source);
    try {
      if (!needsFlag) return parser.parsePattern(source, 0, source.length, { unicode: false });
    } catch {
      // The first error tells more.
    }
    const at = (error as { readonly index?: number }).index ?? 0;
    throw invalidGrammar('', `the regex is not valid in ECMAScript's syntax, at character ${at}`);
  }
}

function branchesOf(alternatives: readonly AST.Alternative[]): readonly Branch[] {
  return alternatives.flatMap(({ elements }) => {
    const [first] = elements;
    // A group around everything may hold the anchors.
    if (elements.length === 1 && first !== undefined && isGroup(first)) {
      return branchesOf(first.alternatives);
    }
    const fromStart = isAnchor(first, 'start');
    const toEnd = isAnchor(elements.at(-1), 'end');
    const inner = elements.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined);
    return [{ expression: sequenceOf(inner), fromStart, toEnd }];
  });
}

const isGroup = (element: AST.Element): element is AST.Group | AST.CapturingGroup =>
  element.type === 'CapturingGroup' || (element.type === 'Group' && element.modifiers == null);

const isAnchor = (element: AST.Element | undefined, kind: 'start' | 'end'): boolean =>
  element?.type === 'Assertion' && element.kind === kind;

const sequenceOf = (elements: readonly AST.Element[]): Expression =>
  sequence(...elements.map(expressionOf));

function expressionOf(element: AST.Element): Expression {
  switch (element.type) {
    case 'Character':
      return oneOf(codePoints([element.value, element.value]));
    case 'CharacterSet':
      return oneOf(setOf(element));
    case 'CharacterClass':
      return oneOf(classOf(element));
    case 'CapturingGroup':
    case 'Group':
      if (!isGroup(element)) throw unsupportedGrammar('', 'flags inside a regex are not supported');
      return choice(element.alternatives.map(({ elements }) => sequenceOf(elements)));
    case 'Quantifier':
      return quantified(element);
    case 'Assertion':
      throw unsupportedGrammar('', ASSERTIONS[element.kind]);
    default:
      throw unsupportedGrammar('', `${element.type} is not supported in a regex`);
  }
}

const ASSERTIONS: Readonly<Record<AST.Assertion['kind'], string>> = {
  start: 'the regex has `^` inside; it is supported at the start of an alternative',
  end: 'the regex has `$` inside; it is supported at the end of an alternative',
  word: 'word borders (`\\b`, `\\B`) are not supported in a regex',
  lookahead: 'lookahead is not supported in a regex',
  lookbehind: 'lookbehind is not supported in a regex',
};

function quantified({ element, min, max }: AST.Quantifier): Expression {
  const largest = Number.isFinite(max) ? max : min;
  if (largest > REPEAT_MAX) {
    throw unsupportedGrammar('', `the regex repeats more than ${REPEAT_MAX} times`);
  }
  return repeat(expressionOf(element), min, Number.isFinite(max) ? max : null);
}

function setOf(set: AST.CharacterSet): CodePoints {
  switch (set.kind) {
    case 'any':
      return complement(LINE_ENDS);
    case 'digit':
      return set.negate ? complement(DIGITS) : DIGITS;
    case 'space':
      return set.negate ? complement(SPACE) : SPACE;
    case 'word':
      return set.negate ? complement(WORD) : WORD;
    case 'property': {
      const found = propertySet(set.value ?? set.key);
      return set.negate ? complement(found) : found;
    }
  }
}

function classOf(element: AST.CharacterClass): CodePoints {
  const sets = element.elements.map((member) => {
    if (member.type === 'Character') return codePoints([member.value, member.value]);
    if (member.type === 'CharacterClassRange')
      return codePoints([member.min.value, member.max.value]);
    if (member.type === 'CharacterSet') return setOf(member);
    throw unsupportedGrammar('', `${member.type} is not supported in a regex`);
  });
  const set = union(...sets);
  return element.negate ? complement(set) : set;
}
