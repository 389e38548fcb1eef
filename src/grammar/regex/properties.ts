/** Unicode properties by name, each made into a set once. */
import { type CodePoints, codePoints } from '../code-points.ts';
import { unsupportedGrammar } from '../grammar-error.ts';

/** Long and short names of the properties that patterns use in practice. */
const PROPERTIES: Readonly<Record<string, RegExp>> = {
  L: /\p{L}/u,
  Letter: /\p{L}/u,
  Lu: /\p{Lu}/u,
  Uppercase_Letter: /\p{Lu}/u,
  Ll: /\p{Ll}/u,
  Lowercase_Letter: /\p{Ll}/u,
  M: /\p{M}/u,
  Mark: /\p{M}/u,
  N: /\p{N}/u,
  Number: /\p{N}/u,
  Nd: /\p{Nd}/u,
  Decimal_Number: /\p{Nd}/u,
  P: /\p{P}/u,
  Punctuation: /\p{P}/u,
  S: /\p{S}/u,
  Symbol: /\p{S}/u,
  Zs: /\p{Zs}/u,
  Space_Separator: /\p{Zs}/u,
  Alphabetic: /\p{Alphabetic}/u,
};

const known = new Map<RegExp, CodePoints>();

/** Throws EtapError ETAP_ERR_GRAMMAR_UNSUPPORTED for a name that is not listed. */
export function propertySet(name: string): CodePoints {
  const property = Object.hasOwn(PROPERTIES, name) ? PROPERTIES[name] : undefined;
  if (property === undefined) {
    const names = Object.keys(PROPERTIES).join(', ');
    throw unsupportedGrammar('', `this Unicode property is not supported; supported are ${names}`);
  }
  let set = known.get(property);
  if (set === undefined) {
    set = scan(property);
    known.set(property, set);
  }
  return set;
}

function scan(property: RegExp): CodePoints {
  const ranges: [number, number][] = [];
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) {
    if (!property.test(String.fromCodePoint(codePoint))) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === codePoint - 1) last[1] = codePoint;
    else ranges.push([codePoint, codePoint]);
  }
  return codePoints(...ranges);
}
