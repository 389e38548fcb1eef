/**
 * Decimals between two bounds as automata. While the digits are read, each bound is known to be
 * larger, smaller or equal so far: that is all the state there is.
 */
import type { Automaton, AutomatonEdge, AutomatonState } from '../automaton.ts';
import { codePoints } from '../code-points.ts';
import { unsupportedGrammar } from '../grammar-error.ts';
import { type Decimal, wholeAndFraction } from './decimal.ts';

/** Bounds of a number that is not negative. */
export type MagnitudeRange = {
  readonly lower: { readonly value: Decimal; readonly exclusive: boolean };
  /** Null: none. */
  readonly upper: { readonly value: Decimal; readonly exclusive: boolean } | null;
};

export type DecimalShape = {
  readonly wholeDigitsMax: number;
  readonly fractionDigitsMax: number;
  /** Only multiples of this whole number; 1 for all. Has an effect only without a fraction. */
  readonly divisor: number;
};

type Order = -1 | 0 | 1;

/** What has been read of a number, compared with the bounds. */
type Reading = {
  readonly part: 'start' | 'whole' | 'point' | 'fraction';
  readonly digitCount: number;
  readonly zero: boolean;
  readonly lower: Order;
  readonly upper: Order;
  readonly remainder: number;
};

const POINT = 0x2e;
/** More than any schema in use needs; a large divisor with far bounds is refused. */
const STATES_MAX = 10_000;

export function decimalAutomaton(range: MagnitudeRange, shape: DecimalShape): Automaton {
  const reader = new DecimalReader(range, shape);
  const numbers = new Map<string, number>([[keyOf(reader.start), 0]]);
  const readings: Reading[] = [reader.start];
  const states: AutomatonState[] = [];
  for (let reading = readings[0]; reading !== undefined; reading = readings[states.length]) {
    if (states.length >= STATES_MAX) {
      throw unsupportedGrammar('', 'multipleOf needs closer bounds or a smaller number');
    }
    const targets = new Map<number, [number, number][]>();
    for (const [codePoint, next] of reader.steps(reading)) {
      const key = keyOf(next);
      const target = numbers.get(key) ?? readings.push(next) - 1;
      numbers.set(key, target);
      targets.set(target, [...(targets.get(target) ?? []), [codePoint, codePoint]]);
    }
    const edges = [...targets].map(
      ([target, ranges]): AutomatonEdge => ({ set: codePoints(...ranges), target }),
    );
    states.push({ accepts: reader.accepts(reading), edges });
  }
  return states;
}

const keyOf = (reading: Reading): string => Object.values(reading).join();

class DecimalReader {
  readonly #range: MagnitudeRange;
  readonly #shape: DecimalShape;
  readonly #lower: readonly [whole: string, fraction: string];
  readonly #upper: readonly [whole: string, fraction: string];

  constructor(range: MagnitudeRange, shape: DecimalShape) {
    this.#range = range;
    this.#shape = shape;
    this.#lower = wholeAndFraction(range.lower.value);
    this.#upper = range.upper === null ? ['0', ''] : wholeAndFraction(range.upper.value);
  }

  /** A bound that cannot be broken is taken as kept from the start. */
  get start(): Reading {
    return {
      part: 'start',
      digitCount: 0,
      zero: false,
      lower: this.#lowerMatters ? 0 : 1,
      upper: this.#upperMatters ? 0 : -1,
      remainder: 0,
    };
  }

  get #lowerMatters(): boolean {
    const { value, exclusive } = this.#range.lower;
    return exclusive || value.digits !== '';
  }

  get #upperMatters(): boolean {
    return this.#range.upper !== null;
  }

  *steps(reading: Reading): Generator<readonly [codePoint: number, next: Reading]> {
    const { wholeDigitsMax, fractionDigitsMax } = this.#shape;
    const { part, digitCount, zero } = reading;
    if (part === 'start' || (part === 'whole' && !zero && digitCount < wholeDigitsMax)) {
      for (let digit = 0; digit <= 9; digit++) yield [0x30 + digit, this.#whole(reading, digit)];
    }
    if (part === 'whole' && fractionDigitsMax > 0) yield [POINT, this.#point(reading)];
    if (part === 'point' || (part === 'fraction' && digitCount < fractionDigitsMax)) {
      for (let digit = 0; digit <= 9; digit++) yield [0x30 + digit, this.#fraction(reading, digit)];
    }
  }

  accepts(reading: Reading): boolean {
    const { part, remainder } = reading;
    if (part !== 'whole' && part !== 'fraction') return false;
    const { lower, upper } = part === 'whole' ? this.#point(reading) : reading;
    const used = part === 'whole' ? 0 : reading.digitCount;
    const overLower = restOrder(lower, this.#lower[1], used);
    const overUpper = restOrder(upper, this.#upper[1], used);
    const { lower: low, upper: high } = this.#range;
    if (overLower < 0 || (overLower === 0 && low.exclusive)) return false;
    if (high !== null && (overUpper > 0 || (overUpper === 0 && high.exclusive))) return false;
    return remainder === 0;
  }

  #whole(reading: Reading, digit: number): Reading {
    const at = reading.digitCount;
    return {
      part: 'whole',
      digitCount: at + 1,
      zero: reading.part === 'start' && digit === 0,
      lower: compareDigit(reading.lower, digit, this.#lower[0], at),
      upper: compareDigit(reading.upper, digit, this.#upper[0], at),
      remainder: (reading.remainder * 10 + digit) % this.#shape.divisor,
    };
  }

  /** The whole parts are complete: now their lengths count before their digits. */
  #point(reading: Reading): Reading {
    const { digitCount, lower, upper } = reading;
    return {
      part: 'point',
      digitCount: 0,
      zero: false,
      lower: this.#lowerMatters ? compareLength(lower, digitCount, this.#lower[0]) : lower,
      upper: this.#upperMatters ? compareLength(upper, digitCount, this.#upper[0]) : upper,
      remainder: reading.remainder,
    };
  }

  #fraction(reading: Reading, digit: number): Reading {
    const at = reading.part === 'point' ? 0 : reading.digitCount;
    return {
      ...reading,
      part: 'fraction',
      digitCount: at + 1,
      lower: compareDigit(reading.lower, digit, this.#lower[1], at),
      upper: compareDigit(reading.upper, digit, this.#upper[1], at),
    };
  }
}

function compareDigit(order: Order, digit: number, bound: string, at: number): Order {
  if (order !== 0) return order;
  return Math.sign(digit - Number(bound[at] ?? '0')) as Order;
}

function compareLength(order: Order, digitCount: number, bound: string): Order {
  return digitCount === bound.length ? order : (Math.sign(digitCount - bound.length) as Order);
}

/** The bound may have further digits that the number leaves out. */
function restOrder(order: Order, fraction: string, used: number): Order {
  if (order !== 0) return order;
  return /[1-9]/.test(fraction.slice(used)) ? -1 : 0;
}
