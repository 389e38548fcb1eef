/** Arrays: an item for each place, and as many as allowed. */
import { choice, EMPTY, type Expression, NEVER, repeat, sequence } from '../expression.ts';
import type { Conjunction, SchemaNode, SchemaSource } from './conjunction.ts';
import type { SchemaObject } from './keywords.ts';
import type { SchemaParts } from './schema-parts.ts';

export function arrayExpression(nodes: readonly SchemaNode[], parts: SchemaParts): Expression {
  const { json, rules, source } = parts;
  const minCount = Math.max(0, ...nodes.map(({ schema }) => countOf(schema, 'minItems', 0)));
  const maxCount = Math.min(
    ...nodes.map(({ schema }) => countOf(schema, 'maxItems', Number.POSITIVE_INFINITY)),
    Number.POSITIVE_INFINITY,
  );
  if (maxCount < minCount) return NEVER;
  const placed = Math.max(0, ...nodes.map((node) => prefixOf(node).length));
  const item = (index: number) => parts.value(itemAt(nodes, index, source));
  const more = (index: number) => sequence(json.comma, item(index));
  const tail = rules.define('item', more(placed));
  const max = Number.isFinite(maxCount) ? maxCount : null;

  /** What follows after `count` items. */
  const rest = (count: number): Expression => {
    if (count === maxCount) return EMPTY;
    if (count >= Math.max(placed, 1)) {
      return repeat(tail, Math.max(0, minCount - count), max === null ? null : max - count);
    }
    const next = sequence(count === 0 ? item(0) : more(count), rest(count + 1));
    return count >= minCount ? choice([next, EMPTY]) : next;
  };
  const inside = rest(0);
  return json.braced('[', sequence(json.space, inside, json.space), ']');
}

function itemAt(nodes: readonly SchemaNode[], index: number, source: SchemaSource): Conjunction {
  return nodes.flatMap((node) => {
    const schema = node.schema as SchemaObject;
    const prefixKey = Array.isArray(schema.items) ? 'items' : 'prefixItems';
    if (index < prefixOf(node).length) return [source.child(node, prefixKey, index)];
    const restKey = Array.isArray(schema.items) ? 'additionalItems' : 'items';
    return schema[restKey] === undefined ? [] : [source.child(node, restKey)];
  });
}

function prefixOf({ schema }: SchemaNode): readonly unknown[] {
  const { items, prefixItems } = schema as SchemaObject;
  return (Array.isArray(items) ? items : (prefixItems as readonly unknown[] | undefined)) ?? [];
}

const countOf = (schema: unknown, keyword: string, absent: number): number =>
  ((schema as SchemaObject)[keyword] as number | undefined) ?? absent;
