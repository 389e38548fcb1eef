/** Sets of Unicode scalar values: ascending, disjoint ranges that do not touch. */

export type CodePointRange = readonly [first: number, last: number];
export type CodePoints = readonly CodePointRange[];

/** Every code point that UTF-8 can spell: surrogates are not among them. */
export const ALL_CODE_POINTS: CodePoints = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** Any ranges in any order as a set; what is not a scalar value is left out. */
export function codePoints(...ranges: readonly CodePointRange[]): CodePoints {
  return intersect(normalize(ranges), ALL_CODE_POINTS);
}

/** The set of the characters of a text. */
export const charactersOf = (text: string): CodePoints =>
  codePoints(...[...text].map((character) => only(character)));

const only = (character: string): CodePointRange => {
  const codePoint = character.codePointAt(0) as number;
  return [codePoint, codePoint];
};

export const union = (...sets: readonly CodePoints[]): CodePoints => normalize(sets.flat());

export function intersect(left: CodePoints, right: CodePoints): CodePoints {
  const common: CodePointRange[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const a = left[i];
    const b = right[j];
    if (a === undefined || b === undefined) return common;
    const first = Math.max(a[0], b[0]);
    const last = Math.min(a[1], b[1]);
    if (first <= last) common.push([first, last]);
    if (a[1] < b[1]) i++;
    else j++;
  }
}

export function complement(set: CodePoints): CodePoints {
  const gaps: CodePointRange[] = [];
  let next = 0;
  for (const [first, last] of set) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  gaps.push([next, 0x10ffff]);
  return intersect(gaps, ALL_CODE_POINTS);
}

export const subtract = (set: CodePoints, taken: CodePoints): CodePoints =>
  intersect(set, complement(taken));

export const contains = (set: CodePoints, codePoint: number): boolean =>
  set.some(([first, last]) => first <= codePoint && codePoint <= last);

function normalize(ranges: readonly CodePointRange[]): CodePoints {
  const sorted = ranges.filter(([first, last]) => first <= last).sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [first, last] of sorted) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) {
      previous[1] = Math.max(previous[1], last);
    } else {
      merged.push([first, last]);
    }
  }
  return merged;
}
