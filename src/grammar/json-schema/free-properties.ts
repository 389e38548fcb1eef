/** Properties without a name of their own: `additionalProperties` and `patternProperties`. */
import { expressionOf, isEmpty } from '../automaton.ts';
import { choice, type Expression } from '../expression.ts';
import { jsonCharacter } from '../json.ts';
import type { Conjunction, SchemaNode } from './conjunction.ts';
import type { SchemaObject } from './keywords.ts';
import { mapOf, PropertyNames } from './property-names.ts';
import type { SchemaParts } from './schema-parts.ts';

/** One free member, or null when there can be none. */
export function freeMembers(
  nodes: readonly SchemaNode[],
  taken: readonly string[],
  parts: SchemaParts,
): Expression | null {
  const names = new PropertyNames(nodes, parts);
  const ways = names.patterns.flatMap((pattern) =>
    memberOf(names, pattern, names.schemasOfPattern(pattern), { taken, parts }),
  );
  if (allowsAdditional(nodes)) {
    const schemas = nodes.flatMap((node) => names.additional(node));
    ways.push(...memberOf(names, null, schemas, { taken, parts }));
  }
  return ways.length === 0 ? null : parts.rules.define('free-member', choice(ways));
}

/**
 * Where properties are declared, further ones come only if the schema asks for them: a model that
 * is free to invent names seldom helps, and leaving them out is always valid.
 */
function allowsAdditional(nodes: readonly SchemaNode[]): boolean {
  const said = nodes
    .map(({ schema }) => (schema as SchemaObject).additionalProperties)
    .filter((value) => value !== undefined);
  if (said.includes(false)) return false;
  const declares = nodes.some(
    (node) =>
      Object.keys(mapOf(node, 'properties')).length > 0 ||
      Object.keys(mapOf(node, 'patternProperties')).length > 0,
  );
  return said.length > 0 || !declares;
}

function memberOf(
  names: PropertyNames,
  pattern: string | null,
  schemas: Conjunction,
  { taken, parts }: { readonly taken: readonly string[]; readonly parts: SchemaParts },
): readonly Expression[] {
  const { json, rules } = parts;
  const automaton = names.automaton(pattern, taken);
  if (automaton === null) return [json.pair(json.string, parts.value(schemas))];
  if (isEmpty(automaton)) return [];
  const name = expressionOf(automaton, rules, { hint: 'name', character: jsonCharacter });
  return [json.pair(json.quoted(name), parts.value(schemas))];
}
