/**
 * `oneOf` asks for exactly one match. It is enforced as a choice, which is right only when no value
 * can match two alternatives; that must be plain to see.
 */
import { unsupportedGrammar } from '../grammar-error.ts';
import type { SchemaNode, SchemaSource } from './conjunction.ts';
import type { JsonType, SchemaObject } from './keywords.ts';

/** References followed and properties looked into. */
const DEPTH_MAX = 8;

/** Throws EtapError ETAP_ERR_GRAMMAR_UNSUPPORTED. */
export function assertDisjoint(
  nodes: readonly SchemaNode[],
  source: SchemaSource,
  path: string,
): void {
  for (const [i, left] of nodes.entries()) {
    for (const right of nodes.slice(i + 1)) {
      if (isDisjoint(left, right, source, 0)) continue;
      throw unsupportedGrammar(
        path,
        'oneOf is supported where its alternatives exclude each other by type, const, enum, or a ' +
          'required property with different constants; use anyOf',
      );
    }
  }
}

function isDisjoint(
  left: SchemaNode,
  right: SchemaNode,
  source: SchemaSource,
  depth: number,
): boolean {
  const a = followed(left, source);
  const b = followed(right, source);
  if (a === null || b === null || depth > DEPTH_MAX) return false;
  const [one, other] = [a.schema as SchemaObject, b.schema as SchemaObject];
  const values = constantsOf(one);
  const otherValues = constantsOf(other);
  if (values !== null && otherValues !== null) {
    return !values.some((value) => otherValues.includes(value));
  }
  const types = typesOf(one);
  const otherTypes = typesOf(other);
  if (types === null || otherTypes === null) return false;
  if (!types.some((type) => otherTypes.some((another) => overlap(type, another)))) return true;
  if (!isObjectOnly(types) || !isObjectOnly(otherTypes)) return false;
  const shared = requiredOf(one).filter((name) => requiredOf(other).includes(name));
  return shared.some((name) => {
    const has = (schema: SchemaObject) =>
      Object.hasOwn((schema.properties as SchemaObject | undefined) ?? {}, name);
    if (!has(one) || !has(other)) return false;
    const property = source.child(a, 'properties', name);
    return isDisjoint(property, source.child(b, 'properties', name), source, depth + 1);
  });
}

/** Follows bare references; null for `true` and `false`. */
function followed(node: SchemaNode, source: SchemaSource): SchemaNode | null {
  let current = node;
  for (let i = 0; i <= DEPTH_MAX; i++) {
    if (typeof current.schema === 'boolean') return null;
    const { $ref } = current.schema;
    if (typeof $ref !== 'string') return current;
    current = source.resolve($ref, current);
  }
  return null;
}

/** Constants as JSON text, or null when the schema names none. */
function constantsOf(schema: SchemaObject): readonly string[] | null {
  if (Object.hasOwn(schema, 'const')) return [JSON.stringify(schema.const)];
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : null;
}

function typesOf(schema: SchemaObject): readonly JsonType[] | null {
  const constants = constantsOf(schema);
  if (constants !== null) return [...new Set(constants.map(typeOfText))];
  if (schema.type === undefined) return null;
  return (Array.isArray(schema.type) ? schema.type : [schema.type]) as readonly JsonType[];
}

function typeOfText(json: string): JsonType {
  const value: unknown = JSON.parse(json);
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value as JsonType;
}

const overlap = (left: JsonType, right: JsonType): boolean =>
  left === right || [left, right].sort().join() === 'integer,number';

const isObjectOnly = (types: readonly JsonType[]) => types.every((type) => type === 'object');

const requiredOf = (schema: SchemaObject): readonly string[] =>
  (schema.required as readonly string[] | undefined) ?? [];
