/** Errors about request fields: where, what was found, what is allowed. Never bytes of the client. */
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import { EtapError } from '../../errors.ts';

/** One bad field. `param` must be made of names of ours and of indices. */
export const invalidField = (param: string, problem: string): EtapError =>
  new EtapError('ETAP_ERR_INVALID_REQUEST', `${param}: ${problem}`, param);

/** Throws EtapError ETAP_ERR_INVALID_REQUEST where there are more than allowed. */
export function checkAtMost(param: string, found: number, allowed: number, noun = ''): void {
  if (found <= allowed) return;
  const unit = noun === '' ? '' : ` ${noun}`;
  throw invalidField(param, `found ${found}${unit}, allowed are at most ${allowed}`);
}

/** What Ajv tells about a failed check when it is verbose. */
type VerboseError = FastifySchemaValidationError & {
  readonly data?: unknown;
  readonly parentSchema?: Readonly<Record<string, unknown>>;
};

/** The error for a body that its schema does not accept. */
export function schemaError(errors: readonly FastifySchemaValidationError[]): EtapError {
  // A failed choice reports its branches first and itself last.
  const error = errors.at(-1) as VerboseError | undefined;
  if (error === undefined) return new EtapError('ETAP_ERR_INVALID_REQUEST', 'the body is invalid');
  const path = fieldPath(error.instancePath);
  if (error.keyword === 'required') {
    const missing = String(error.params.missingProperty);
    return invalidField(path === '' ? missing : `${path}.${missing}`, 'this field is required');
  }
  const problem = `found ${describe(error.data)}, allowed is ${allowedBy(error)}`;
  if (path === '') return new EtapError('ETAP_ERR_INVALID_REQUEST', `the body: ${problem}`);
  return invalidField(path, problem);
}

/** `/messages/0/role` as `messages[0].role`. */
const fieldPath = (pointer: string): string =>
  pointer
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.')
    .replace(/^\./, '');

/** A value by its kind and size; numbers are written anew, strings never shown. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  return 'an object';
}

function allowedBy({ keyword, params, parentSchema }: VerboseError): string {
  switch (keyword) {
    case 'type':
      return describeTypes(params.type, parentSchema ?? {});
    case 'enum':
      return `one of ${(params.allowedValues as readonly string[]).join(', ')}`;
    case 'anyOf':
      return String(parentSchema?.expected ?? 'one of the documented forms');
    case 'minItems':
      return `a list of at least ${params.limit} items`;
    case 'maxItems':
      return `a list of at most ${params.limit} items`;
    case 'minLength':
      return `a string of at least ${params.limit} characters`;
    case 'maxLength':
      return `a string of at most ${params.limit} characters`;
    default:
      return describeAllowed(parentSchema ?? {});
  }
}

/** What a field's schema allows, in words. */
export const describeAllowed = (schema: object): string => {
  const { type, ...range } = schema as Readonly<Record<string, unknown>>;
  return describeTypes(type, range);
};

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};

function describeTypes(type: unknown, schema: Readonly<Record<string, unknown>>): string {
  const types = (Array.isArray(type) ? type : [type]).map(String);
  const range = describeRange(schema);
  return types
    .map((name) => {
      const text = TYPE_NAMES[name] ?? 'another type';
      return name === 'number' || name === 'integer' ? text + range : text;
    })
    .join(' or ');
}

function describeRange({ minimum, exclusiveMinimum, maximum }: Record<string, unknown>): string {
  const upper = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : maximum;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}, up to ${upper}`;
  if (minimum === undefined || minimum === Number.MIN_SAFE_INTEGER) return '';
  return upper === '' ? ` from ${minimum}` : ` from ${minimum} to ${upper}`;
}
