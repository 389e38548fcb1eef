/** Numbers: bounds and whole multiples, enforced exactly in decimal digits. */
import { expressionOf } from '../automaton.ts';
import {
  choice,
  type Expression,
  NEVER,
  oneOf,
  type RuleSet,
  sequence,
  text,
} from '../expression.ts';
import { INTEGER, INTEGER_DIGITS_MAX, NUMBER } from '../json.ts';
import {
  type Decimal,
  decimalOf,
  EXACT_DIGITS,
  negate,
  shorten,
  wholeAndFraction,
} from './decimal.ts';
import { decimalAutomaton, type MagnitudeRange } from './decimal-range.ts';

export type NumberBound = { readonly value: number; readonly exclusive: boolean };

export type NumberFacts = {
  readonly lower: NumberBound | null;
  readonly upper: NumberBound | null;
  /** Least common multiple of all `multipleOf`; null for none. */
  readonly divisor: number | null;
};

type ExactBound = { readonly value: Decimal; readonly exclusive: boolean };

const ZERO: ExactBound = { value: decimalOf(0), exclusive: false };
const ABOVE_ZERO: ExactBound = { value: decimalOf(0), exclusive: true };
const SAFE: ExactBound = { value: decimalOf(Number.MAX_SAFE_INTEGER), exclusive: false };

export function integerExpression(facts: NumberFacts, rules: RuleSet): Expression {
  if (facts.lower === null && facts.upper === null && facts.divisor === null) return INTEGER;
  const lower = facts.lower && stricter(exact(facts.lower), negated(SAFE), 1);
  const upper = facts.upper && stricter(exact(facts.upper), SAFE, -1);
  const divisor = facts.divisor ?? 1;
  return signed(lower, upper, rules, (range) => {
    // The largest integer that doubles hold exactly has one digit more.
    const wholeDigitsMax = INTEGER_DIGITS_MAX + (range.upper === null ? 0 : 1);
    return decimalAutomaton(range, { wholeDigitsMax, fractionDigitsMax: 0, divisor });
  });
}

export function numberExpression(facts: NumberFacts, rules: RuleSet): Expression {
  if (facts.divisor !== null) return integerExpression(facts, rules);
  if (facts.lower === null && facts.upper === null) return NUMBER;
  const lower = shortened(facts.lower, 'up');
  const upper = shortened(facts.upper, 'down');
  const wholeDigits = [lower, upper].map((bound) =>
    bound === null ? 1 : wholeAndFraction(bound.value)[0].length,
  );
  const shape = {
    wholeDigitsMax: INTEGER_DIGITS_MAX,
    // Numbers next to a bound have as many whole digits as it, so they stay exact.
    fractionDigitsMax: Math.max(0, EXACT_DIGITS - Math.max(...wholeDigits)),
    divisor: 1,
  };
  return signed(lower, upper, rules, (range) => decimalAutomaton(range, shape));
}

/** Integers compare exactly, so the bound keeps all its digits. */
function exact({ value, exclusive }: NumberBound): ExactBound {
  return { value: decimalOf(value), exclusive };
}

/** A bound of more digits than doubles keep apart is moved inwards, where it counts itself. */
function shortened(bound: NumberBound | null, side: 'up' | 'down'): ExactBound | null {
  if (bound === null) return null;
  const value = decimalOf(bound.value);
  const short = shorten(value, side);
  return { value: short, exclusive: short === value && bound.exclusive };
}

/** A number is zero or more, or a minus sign and more than zero. */
function signed(
  lower: ExactBound | null,
  upper: ExactBound | null,
  rules: RuleSet,
  automaton: (range: MagnitudeRange) => ReturnType<typeof decimalAutomaton>,
): Expression {
  const magnitude = (range: MagnitudeRange) =>
    expressionOf(automaton(range), rules, { hint: 'number', character: oneOf });
  const ways: Expression[] = [];
  if (upper === null || !upper.value.negative) {
    const from = lower === null || lower.value.negative ? ZERO : lower;
    ways.push(magnitude({ lower: from, upper }));
  }
  if (lower === null || lower.value.negative) {
    const from = upper?.value.negative ? negated(upper) : ABOVE_ZERO;
    const to = lower === null ? null : negated(lower);
    ways.push(sequence(text('-'), magnitude({ lower: from, upper: to })));
  }
  return ways.length === 0 ? NEVER : choice(ways);
}

const negated = ({ value, exclusive }: ExactBound): ExactBound => ({
  value: negate(value),
  exclusive,
});

/** The bound that allows less; `side` is 1 for lower bounds and -1 for upper ones. */
function stricter(left: ExactBound, right: ExactBound, side: 1 | -1): ExactBound {
  const order = compare(left.value, right.value) * side;
  if (order !== 0) return order > 0 ? left : right;
  return left.exclusive ? left : right;
}

function compare(left: Decimal, right: Decimal): number {
  if (left.negative !== right.negative) return left.negative ? -1 : 1;
  const size = compareSize(left, right);
  return left.negative ? -size : size;
}

function compareSize(left: Decimal, right: Decimal): number {
  if (left.digits === '' || right.digits === '') return left.digits.length - right.digits.length;
  if (left.point !== right.point) return left.point - right.point;
  const length = Math.max(left.digits.length, right.digits.length);
  const [a, b] = [left.digits.padEnd(length, '0'), right.digits.padEnd(length, '0')];
  return a < b ? -1 : Number(a > b);
}
