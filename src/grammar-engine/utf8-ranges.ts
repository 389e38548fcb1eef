/** Ranges of code points as ranges of UTF-8 bytes, one list for each length and common beginning. */
import type { CodePoints } from '../grammar/index.ts';

export type ByteRange = readonly [first: number, last: number];
/** 1 to 4 ranges; every combination spells a code point of the range, and nothing else does. */
export type ByteSequence = readonly ByteRange[];

/** First and last code points of the lengths 1 to 4. */
const LENGTH_BORDERS = [0x7f, 0x7ff, 0xffff, 0x10ffff];

export function utf8Sequences(set: CodePoints): ByteSequence[] {
  const sequences: ByteSequence[] = [];
  for (const [first, last] of set) {
    let start = first;
    for (const border of LENGTH_BORDERS) {
      if (start > border) continue;
      const end = Math.min(last, border);
      if (start <= end) split(encode(start), encode(end), [], sequences);
      start = end + 1;
      if (start > last) break;
    }
  }
  return sequences;
}

/** Bytes `low` to `high` of equal length, in the order of the code points they spell. */
function split(
  low: readonly number[],
  high: readonly number[],
  before: ByteSequence,
  found: ByteSequence[],
): void {
  const [lowFirst = 0, ...lowRest] = low;
  const [highFirst = 0, ...highRest] = high;
  if (lowRest.length === 0) {
    found.push([...before, [lowFirst, highFirst]]);
    return;
  }
  const least = lowRest.map(() => 0x80);
  const most = lowRest.map(() => 0xbf);
  if (lowFirst === highFirst) {
    split(lowRest, highRest, [...before, [lowFirst, lowFirst]], found);
    return;
  }
  const lowWhole = lowRest.every((byte) => byte === 0x80);
  const highWhole = highRest.every((byte) => byte === 0xbf);
  if (!lowWhole) split(lowRest, most, [...before, [lowFirst, lowFirst]], found);
  const first = lowWhole ? lowFirst : lowFirst + 1;
  const last = highWhole ? highFirst : highFirst - 1;
  if (first <= last) {
    const rest = least.map((): ByteRange => [0x80, 0xbf]);
    found.push([...before, [first, last], ...rest]);
  }
  if (!highWhole) split(least, highRest, [...before, [highFirst, highFirst]], found);
}

function encode(codePoint: number): number[] {
  if (codePoint <= 0x7f) return [codePoint];
  if (codePoint <= 0x7ff) return [0xc0 | (codePoint >> 6), tail(codePoint)];
  if (codePoint <= 0xffff) {
    return [0xe0 | (codePoint >> 12), tail(codePoint >> 6), tail(codePoint)];
  }
  return [0xf0 | (codePoint >> 18), tail(codePoint >> 12), tail(codePoint >> 6), tail(codePoint)];
}

const tail = (bits: number): number => 0x80 | (bits & 0x3f);
