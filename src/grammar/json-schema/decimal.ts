/** Exact decimals: bounds of a schema as digits, so that nothing is lost to binary fractions. */

/** `sign * 0.digits * 10^point`; no leading or trailing zeros, and no digits for 0. */
export type Decimal = {
  readonly negative: boolean;
  readonly digits: string;
  readonly point: number;
};

/** Two decimals of up to this many digits are two doubles, in the same order. */
export const EXACT_DIGITS = 15;

export function decimalOf(value: number): Decimal {
  const [mantissa = '0', exponent = '0'] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  if (digits === '') return { negative: false, digits, point: 0 };
  return { negative: value < 0, digits, point: Number(exponent) + 1 };
}

export const negate = ({ negative, ...size }: Decimal): Decimal => ({
  negative: size.digits !== '' && !negative,
  ...size,
});

/** The nearest decimal of `EXACT_DIGITS` digits on one side. */
export function shorten(decimal: Decimal, side: 'down' | 'up'): Decimal {
  if (decimal.digits.length <= EXACT_DIGITS) return decimal;
  const kept = decimal.digits.slice(0, EXACT_DIGITS);
  const away = decimal.negative === (side === 'down');
  const rounded = away ? String(Number(kept) + 1) : kept;
  return {
    negative: decimal.negative,
    digits: rounded.replace(/0+$/, ''),
    point: decimal.point + (rounded.length - EXACT_DIGITS),
  };
}

/** Digits before the point without leading zeros ('0' for none), and those after it. */
export function wholeAndFraction({ digits, point }: Decimal): readonly [string, string] {
  if (point <= 0) return ['0', '0'.repeat(-point) + digits];
  return [digits.slice(0, point).padEnd(point, '0'), digits.slice(point)];
}
