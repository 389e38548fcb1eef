/** The keywords of JSON Schema: which are enforced, which mean nothing here, and which are refused. */
import { invalidGrammar, unsupportedGrammar } from '../grammar-error.ts';
import { FORMATS, NUMBER_FORMATS } from './formats.ts';

export type JsonType = 'null' | 'boolean' | 'integer' | 'number' | 'string' | 'array' | 'object';

export type SchemaObject = Readonly<Record<string, unknown>>;
export type Schema = boolean | SchemaObject;

export const JSON_TYPES: readonly JsonType[] = [
  'null',
  'boolean',
  'integer',
  'number',
  'string',
  'array',
  'object',
];

/** They describe; nothing is to be enforced. */
const ANNOTATIONS = new Set([
  '$comment',
  '$schema',
  'default',
  'deprecated',
  'description',
  'discriminator',
  'example',
  'examples',
  'readOnly',
  'title',
  'writeOnly',
]);

type ValueCheck = { readonly allows: (value: unknown) => boolean; readonly allowed: string };

const isObject = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isSchema = (value: unknown): value is Schema =>
  typeof value === 'boolean' || isObject(value);

const schema: ValueCheck = { allows: isSchema, allowed: 'a schema' };
const schemas: ValueCheck = {
  allows: (value) => Array.isArray(value) && value.length > 0 && value.every(isSchema),
  allowed: 'a list of schemas that is not empty',
};
const schemaMap: ValueCheck = {
  allows: (value) => isObject(value) && Object.values(value).every(isSchema),
  allowed: 'an object of schemas',
};
const count: ValueCheck = {
  allows: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  allowed: 'an integer of 0 or more',
};
const finite: ValueCheck = {
  allows: (value) => typeof value === 'number' && Number.isFinite(value),
  allowed: 'a number',
};
const string: ValueCheck = { allows: (value) => typeof value === 'string', allowed: 'a string' };

const isType = (value: unknown) => (JSON_TYPES as readonly unknown[]).includes(value);
/** Whole multiples alone: those of fractions are a matter of rounding that validators disagree on. */
const DIVISOR_MAX = 1000;

/** What is enforced, and the values that are well-formed. */
const ENFORCED: Readonly<Record<string, ValueCheck>> = {
  $defs: schemaMap,
  $ref: string,
  additionalItems: schema,
  additionalProperties: schema,
  allOf: schemas,
  anyOf: schemas,
  const: { allows: () => true, allowed: '' },
  definitions: schemaMap,
  enum: {
    allows: (value) => Array.isArray(value) && value.length > 0,
    allowed: 'a list of values that is not empty',
  },
  exclusiveMaximum: finite,
  exclusiveMinimum: finite,
  format: {
    allows: (value) =>
      typeof value === 'string' &&
      (Object.hasOwn(FORMATS, value) || Object.hasOwn(NUMBER_FORMATS, value)),
    allowed: `one of ${[...Object.keys(FORMATS), ...Object.keys(NUMBER_FORMATS)].join(', ')}`,
  },
  items: {
    allows: (value) => isSchema(value) || (Array.isArray(value) && value.every(isSchema)),
    allowed: 'a schema or a list of schemas',
  },
  maxItems: count,
  maxLength: count,
  maxProperties: count,
  maximum: finite,
  minItems: count,
  minLength: count,
  minProperties: count,
  minimum: finite,
  multipleOf: {
    allows: (value) =>
      Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= DIVISOR_MAX,
    allowed: `a whole number from 1 to ${DIVISOR_MAX}`,
  },
  oneOf: schemas,
  pattern: string,
  patternProperties: schemaMap,
  prefixItems: schemas,
  properties: schemaMap,
  propertyNames: schema,
  required: {
    allows: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
    allowed: 'a list of names',
  },
  type: {
    allows: (value) =>
      isType(value) || (Array.isArray(value) && value.length > 0 && value.every(isType)),
    allowed: `one of ${JSON_TYPES.join(', ')}, or a list of them`,
  },
  uniqueItems: { allows: (value) => value === false, allowed: 'false' },
};

/** Well-formed values that are refused because they cannot be enforced token by token. */
const REFUSED_VALUES = new Set(['format', 'multipleOf', 'uniqueItems']);

/**
 * Throws EtapError ETAP_ERR_GRAMMAR for a value that is not JSON Schema, and
 * ETAP_ERR_GRAMMAR_UNSUPPORTED for a keyword that is not enforced: none is silently ignored.
 */
export function checkKeywords(object: SchemaObject, path: string, isRoot: boolean): void {
  for (const [keyword, value] of Object.entries(object)) {
    if (ANNOTATIONS.has(keyword) || keyword.startsWith('x-')) continue;
    if (isRoot && (keyword === '$id' || keyword === 'id')) continue;
    const check = Object.hasOwn(ENFORCED, keyword) ? ENFORCED[keyword] : undefined;
    if (check === undefined) {
      throw unsupportedGrammar(
        path,
        `the keyword ${nameOf(keyword)} is not supported; leave it out`,
      );
    }
    if (check.allows(value)) continue;
    const problem = `${keyword} must be ${check.allowed}`;
    throw REFUSED_VALUES.has(keyword)
      ? unsupportedGrammar(path, problem)
      : invalidGrammar(path, problem);
  }
}

/** Keywords of the specification are named; other bytes of a client are not repeated. */
const nameOf = (keyword: string): string =>
  /^\$?[A-Za-z][A-Za-z-]{0,40}$/.test(keyword) ? `"${keyword}"` : 'of another name';
