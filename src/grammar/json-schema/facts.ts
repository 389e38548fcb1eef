/** What a conjunction of plain schemas says about the values of each type, keyword by keyword. */
import type { Conjunction, SchemaNode } from './conjunction.ts';
import { NUMBER_FORMATS } from './formats.ts';
import { JSON_TYPES, type JsonType, type SchemaObject } from './keywords.ts';
import type { NumberBound, NumberFacts } from './number-schema.ts';
import type { StringFacts } from './string-schema.ts';

export type ValueFacts = {
  readonly types: ReadonlySet<JsonType>;
  /** Null: any value of the types. */
  readonly constants: readonly unknown[] | null;
  readonly number: NumberFacts;
  readonly string: StringFacts;
  /** Schemas with keywords of arrays and of objects. */
  readonly arrays: readonly SchemaNode[];
  readonly objects: readonly SchemaNode[];
};

const KEYWORD_TYPES: readonly (readonly [JsonType, readonly string[]])[] = [
  ['number', ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
  ['string', ['minLength', 'maxLength', 'pattern']],
  ['array', ['items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems']],
  [
    'object',
    [
      'properties',
      'patternProperties',
      'additionalProperties',
      'required',
      'propertyNames',
      'minProperties',
      'maxProperties',
    ],
  ],
];

export function factsOf(conjunction: Conjunction): ValueFacts {
  const nodes = conjunction.filter(({ schema }) => typeof schema === 'object');
  const schemas = nodes.map(({ schema }) => schema as SchemaObject);
  const withKeywordsOf = (type: JsonType) =>
    nodes.filter(({ schema }) => hasKeywordsOf(schema as SchemaObject, type));
  return {
    types: typesOf(schemas),
    constants: constantsOf(schemas),
    number: numberFacts(schemas),
    string: stringFacts(schemas),
    arrays: withKeywordsOf('array'),
    objects: withKeywordsOf('object'),
  };
}

const hasKeywordsOf = (schema: SchemaObject, type: JsonType): boolean => {
  const keywords = KEYWORD_TYPES.find(([name]) => name === type)?.[1] ?? [];
  if (keywords.some((keyword) => Object.hasOwn(schema, keyword))) return true;
  const { format } = schema as { readonly format?: string };
  if (format === undefined) return false;
  return Object.hasOwn(NUMBER_FORMATS, format) ? type === 'number' : type === 'string';
};

/** Without a type, the keywords tell which one is meant; without any, every value is allowed. */
function typesOf(schemas: readonly SchemaObject[]): ReadonlySet<JsonType> {
  const typed = schemas.filter(({ type }) => type !== undefined);
  if (typed.length > 0) {
    return typed
      .map(({ type }) => new Set((Array.isArray(type) ? type : [type]) as readonly JsonType[]))
      .reduce(commonTypes);
  }
  const meant = KEYWORD_TYPES.map(([type]) => type).filter((type) =>
    schemas.some((schema) => hasKeywordsOf(schema, type)),
  );
  const constant = constantsOf(schemas) !== null;
  return new Set(meant.length === 0 || constant ? JSON_TYPES : meant);
}

function commonTypes(left: Set<JsonType>, right: Set<JsonType>): Set<JsonType> {
  const has = (types: Set<JsonType>, type: JsonType) =>
    types.has(type) || (type === 'integer' && types.has('number'));
  return new Set(JSON_TYPES.filter((type) => has(left, type) && has(right, type)));
}

function constantsOf(schemas: readonly SchemaObject[]): readonly unknown[] | null {
  const lists = schemas.flatMap((schema) => [
    ...(Object.hasOwn(schema, 'const') ? [[schema.const]] : []),
    ...(Array.isArray(schema.enum) ? [schema.enum as readonly unknown[]] : []),
  ]);
  if (lists.length === 0) return null;
  return lists.reduce((left, right) => {
    const texts = new Set(right.map(canonicalJson));
    return left.filter((value) => texts.has(canonicalJson(value)));
  });
}

/** Equal values have equal texts, whatever the order of their keys. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function numberFacts(schemas: readonly SchemaObject[]): NumberFacts {
  let lower: NumberBound | null = null;
  let upper: NumberBound | null = null;
  let divisor: number | null = null;
  for (const schema of schemas) {
    const range = NUMBER_FORMATS[schema.format as string] ?? null;
    lower = tighter(lower, range?.[0], false, 1);
    upper = tighter(upper, range?.[1], false, -1);
    lower = tighter(lower, schema.minimum, false, 1);
    lower = tighter(lower, schema.exclusiveMinimum, true, 1);
    upper = tighter(upper, schema.maximum, false, -1);
    upper = tighter(upper, schema.exclusiveMaximum, true, -1);
    if (typeof schema.multipleOf === 'number') {
      divisor = leastCommonMultiple(divisor ?? 1, schema.multipleOf);
    }
  }
  return { lower, upper, divisor };
}

function tighter(
  bound: NumberBound | null,
  value: unknown,
  exclusive: boolean,
  side: 1 | -1,
): NumberBound | null {
  if (typeof value !== 'number') return bound;
  if (bound === null || (value - bound.value) * side > 0) return { value, exclusive };
  return value === bound.value && exclusive ? { value, exclusive } : bound;
}

function leastCommonMultiple(left: number, right: number): number {
  let [a, b] = [left, right];
  while (b !== 0) [a, b] = [b, a % b];
  return (left / a) * right;
}

function stringFacts(schemas: readonly SchemaObject[]): StringFacts {
  const of = <T>(keyword: string) =>
    schemas.flatMap((schema) => (Object.hasOwn(schema, keyword) ? [schema[keyword] as T] : []));
  const maxLengths = of<number>('maxLength');
  return {
    minLength: Math.max(0, ...of<number>('minLength')),
    maxLength: maxLengths.length === 0 ? null : Math.min(...maxLengths),
    patterns: [...new Set(of<string>('pattern'))],
    formats: [...new Set(of<string>('format'))].filter(
      (format) => !Object.hasOwn(NUMBER_FORMATS, format),
    ),
  };
}

/** Whether a constant is what the other keywords allow; those of arrays and objects are not looked at. */
export function allowsConstant(
  value: unknown,
  { types, number, string }: ValueFacts,
  matchesString: (value: string, facts: StringFacts) => boolean,
): boolean {
  if (!typesOfValue(value).some((type) => types.has(type))) return false;
  if (typeof value === 'string') return matchesString(value, string);
  if (typeof value !== 'number') return true;
  const { lower, upper, divisor } = number;
  if (lower !== null && (lower.exclusive ? value <= lower.value : value < lower.value))
    return false;
  if (upper !== null && (upper.exclusive ? value >= upper.value : value > upper.value))
    return false;
  return divisor === null || value % divisor === 0;
}

function typesOfValue(value: unknown): readonly JsonType[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  if (typeof value === 'number')
    return Number.isInteger(value) ? ['integer', 'number'] : ['number'];
  return [typeof value as JsonType];
}
